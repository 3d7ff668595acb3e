// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// LpNormalization: x divided by its norm of order 1 or 2 along an axis; 0 where that is 0.
#include "types.h"
#include "rows.h"
CONSTANT(4, ORDER, 2)
PARAMS(int rows; int n; int inner;)
#define X(k) LD(x, base + (k) * p.inner)
KERNEL(norm_axis)
IN(STORE, 0, x)
OUT(STORE, 1, y)
ARGS_END
SHARED(float, folded, MOST_LANES)
BODY
  const int row = ROW;
  const int lane = LANE;
  if (row >= p.rows) return;
  const int base = row / p.inner * p.n * p.inner + row % p.inner;
  float sum = 0.0f;
  for (int k = lane; k < p.n; k += LANES) sum += ORDER == 1 ? FABS(X(k)) : X(k) * X(k);
  FOLD_LANES(folded, lane, sum, PLUS)
  const float norm = ORDER == 1 ? sum : sqrt(sum);
  for (int k = lane; k < p.n; k += LANES) ST(y, base + k * p.inner, norm == 0.0f ? 0.0f : X(k) / norm);
}
