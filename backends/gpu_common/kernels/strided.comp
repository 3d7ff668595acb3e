// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// y[to + coordinates times ys] = x[from + coordinates times xs]: permutations, boxes with steps, broadcasts,
// parts of a concatenation. RANK outer dims number the rows, as in walk.h.
#include "types.h"
CONSTANT(3, RANK, 0)
PARAMS(int inner; int rows; int from; int to; int x_step; int y_step; int dims[8]; int xs[8]; int ys[8];)
KERNEL(strided)
IN(STORE, 0, x)
OUT(STORE, 1, y)
ARGS_END
BODY
  for (int row = GLOBAL_ID(1); row < p.rows; row += GROUPS(1) * GROUP_SIZE(1)) {
    int at = p.from;
    int put = p.to;
    int rest = row;
    UNROLL for (int d = RANK - 1; d >= 0; --d) {
      const int whole = rest / p.dims[d];
      const int c = rest - whole * p.dims[d];
      rest = whole;
      at += c * p.xs[d];
      put += c * p.ys[d];
    }
    for (int i = GLOBAL_ID(0); i < p.inner; i += GROUPS(0) * GROUP_SIZE(0))
      ST_RAW(y, put + i * p.y_step, LD_RAW(x, at + i * p.x_step));
  }
}
