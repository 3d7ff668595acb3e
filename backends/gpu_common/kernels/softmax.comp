// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Softmax, LogSoftmax and Hardmax along an axis: the largest element, the sum of e^(x - largest), the result.
#include "types.h"
#include "rows.h"
CONSTANT(4, OP, 0)
#define SOFTMAX 0
#define LOG_SOFTMAX 1
#define HARDMAX 2
PARAMS(int rows; int n; int inner;)

#define X(k) LD(x, base + (k) * p.inner)
// Of two places, that of the larger element, the first of equals.
#define LARGER_PLACE(a, b) (X(b) > X(a) || (X(b) == X(a) && (b) < (a)) ? (b) : (a))

KERNEL(softmax)
IN(STORE, 0, x)
OUT(STORE, 1, y)
ARGS_END
SHARED(float, folded, MOST_LANES)
SHARED(int, places, MOST_LANES)
BODY
  const int row = ROW;
  const int lane = LANE;
  if (row >= p.rows) return;
  const int base = row / p.inner * p.n * p.inner + row % p.inner;
  if (OP == HARDMAX) {
    int best = 0;
    for (int k = lane; k < p.n; k += LANES)
      if (X(k) > X(best)) best = k;
    FOLD_LANES(places, lane, best, LARGER_PLACE)
    for (int k = lane; k < p.n; k += LANES) ST(y, base + k * p.inner, k == best ? 1.0f : 0.0f);
    return;
  }
  float most = -POSITIVE_INFINITY;
  for (int k = lane; k < p.n; k += LANES) most = max(most, X(k));
  FOLD_LANES(folded, lane, most, max)
  float sum = 0.0f;
  for (int k = lane; k < p.n; k += LANES) sum += exp(X(k) - most);
  FOLD_LANES(folded, lane, sum, PLUS)
  if (OP == LOG_SOFTMAX) {
    const float log_sum = log(sum);
    for (int k = lane; k < p.n; k += LANES) ST(y, base + k * p.inner, X(k) - most - log_sum);
    return;
  }
  const float factor = 1.0f / sum;
  for (int k = lane; k < p.n; k += LANES) ST(y, base + k * p.inner, exp(X(k) - most) * factor);
}
