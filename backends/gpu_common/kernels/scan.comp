// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 i32 u32 i64 u64
// Running sum or product along an axis. One lane goes through the line alone; several take a stretch of it
// each: they fold it, learn what the lanes before them have folded, and go through it again.
#include "types.h"
#include "rows.h"
CONSTANT(4, PRODUCT, 0)
CONSTANT(5, EXCLUSIVE, 0)
CONSTANT(6, REVERSE, 0)
PARAMS(int rows; int n; int inner;)

#define COMBINE(a, b) (PRODUCT != 0 ? (a) * (b) : (a) + (b))
#define PLACE(k) (base + (REVERSE != 0 ? p.n - 1 - (k) : (k)) * p.inner)

KERNEL(scan)
IN(STORE, 0, x)
OUT(STORE, 1, y)
ARGS_END
SHARED(COMPUTE, folded, MOST_LANES)
BODY
  const int row = ROW;
  const int lane = LANE;
  if (row >= p.rows) return;
  const int base = row / p.inner * p.n * p.inner + row % p.inner;
  const int stretch = (p.n + LANES - 1) / LANES;
  const int begin = min(lane * stretch, p.n);
  const int end = min(begin + stretch, p.n);
  COMPUTE sum = TO_COMPUTE(PRODUCT);
  if (LANES > 1) {
    for (int k = begin; k < end; ++k) sum = COMBINE(sum, LD(x, PLACE(k)));
    folded[lane] = sum;
    BARRIER();
    sum = TO_COMPUTE(PRODUCT);
    for (int before = 0; before < lane; ++before) sum = COMBINE(sum, folded[before]);
  }
  for (int k = begin; k < end; ++k) {
    const COMPUTE next = COMBINE(sum, LD(x, PLACE(k)));
    ST(y, PLACE(k), EXCLUSIVE != 0 ? sum : next);
    sum = next;
  }
}
