// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 i32 u32 i64 u64 i8 u8
// Reduction over any set of axes. Axes that are neighbours and both kept, or both reduced, come merged: an
// output is the fold of up to three nested loops.
#include "types.h"
#include "rows.h"
CONSTANT(4, OP, 0)      // below
CONSTANT(5, KEPT, 1)    // axes
CONSTANT(6, REDUCED, 1)
#define SUM 0
#define MEAN 1
#define PROD 2
#define MAX 3
#define MIN 4
#define SUM_SQUARE 5
#define L1 6
#define L2 7
#define LOG_SUM 8
#define LOG_SUM_EXP 9
#define LP 10
// kept, reduced: sizes and strides, outermost first. n: elements that go into an output; order: of LP.
PARAMS(int rows; int n; float order; int kept[4]; int kept_stride[4]; int reduced[4]; int reduced_stride[4];)

#if defined(HRT_VARIANT_f32) || defined(HRT_VARIANT_f16)
#define IS_FLOAT
#endif

COMPUTE largest(COMPUTE a, COMPUTE b) {
#ifdef IS_FLOAT
  if (isnan(a)) return a;
  if (isnan(b)) return b;
#endif
  return b > a ? b : a;
}
COMPUTE smallest(COMPUTE a, COMPUTE b) {
#ifdef IS_FLOAT
  if (isnan(a)) return a;
  if (isnan(b)) return b;
#endif
  return b < a ? b : a;
}
COMPUTE fold(COMPUTE a, COMPUTE b) {
  if (OP == PROD) return a * b;
  if (OP == MAX) return largest(a, b);
  if (OP == MIN) return smallest(a, b);
  return a + b;
}
COMPUTE magnitude(COMPUTE v) { return v < TO_COMPUTE(0) ? TO_COMPUTE(0) - v : v; }
#ifdef IS_FLOAT
float first(float v, float order) {
  if (OP == SUM_SQUARE || OP == L2) return v * v;
  if (OP == L1) return FABS(v);
  if (OP == LP) return pow(FABS(v), order);
  return v;
}
float last(float v, int n, float order) {
  if (OP == MEAN) return v / TO_FLOAT(n);
  if (OP == L2) return sqrt(v);
  if (OP == LOG_SUM) return log(v);
  if (OP == LP) return pow(v, 1.0f / order);
  return v;
}
#else
COMPUTE first(COMPUTE v, float order) {
  if (OP == SUM_SQUARE) return v * v;
  if (OP == L1) return magnitude(v);
  return v;
}
COMPUTE last(COMPUTE v, int n, float order) {
  if (OP == MEAN) return n == 0 ? TO_COMPUTE(0) : v / TO_COMPUTE(n);
  return v;
}
#endif

// Runs `body` with `at` at every element that this lane meets.
#define EACH(body)                                            \
  for (int i = lane; i < p.n; i += LANES) {                   \
    int rest = i;                                             \
    int at = base;                                            \
    UNROLL for (int d = REDUCED - 1; d > 0; --d) {            \
      at += rest % p.reduced[d] * p.reduced_stride[d];        \
      rest /= p.reduced[d];                                   \
    }                                                         \
    at += rest * p.reduced_stride[0];                         \
    body                                                      \
  }

KERNEL(reduce)
IN(STORE, 0, x)
OUT(STORE, 1, y)
ARGS_END
SHARED(COMPUTE, folded, MOST_LANES)
BODY
  const int row = ROW;
  const int lane = LANE;
  if (row >= p.rows) return;
  int base = 0;
  int rest_row = row;
  UNROLL for (int d = KEPT - 1; d >= 0; --d) {
    base += rest_row % p.kept[d] * p.kept_stride[d];
    rest_row /= p.kept[d];
  }
#ifdef IS_FLOAT
  if (OP == LOG_SUM_EXP) {
    // log(sum(e^(x - largest))) + largest: no overflow. An infinite one is the answer.
    float most = -POSITIVE_INFINITY;
    EACH(most = largest(most, LD(x, at));)
    FOLD_LANES(folded, lane, most, largest)
    const float shift = isinf(most) || isnan(most) ? 0.0f : most;
    float sum = 0.0f;
    EACH(sum += exp(LD(x, at) - shift);)
    FOLD_LANES(folded, lane, sum, PLUS)
    if (lane == 0) ST(y, row, log(sum) + shift);
    return;
  }
#endif
  COMPUTE v = OP == PROD ? TO_COMPUTE(1) : OP == MAX ? LOWEST : OP == MIN ? HIGHEST : TO_COMPUTE(0);
  EACH(v = fold(v, first(LD(x, at), p.order));)
  FOLD_LANES(folded, lane, v, fold)
  if (lane == 0) ST(y, row, last(v, p.n, p.order));
}
