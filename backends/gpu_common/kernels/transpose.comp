// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// Any permutation, broadcast or strided view: y[i] = x[offset + sum of coordinates times strides].
#include "types.h"
CONSTANT(3, RANK, 1)
PARAMS(int n; int offset; int dims[6]; int strides[6];)
KERNEL(transpose)
IN(STORE, 0, x)
OUT(STORE, 1, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    int rest = i;
    int at = p.offset;
    UNROLL for (int d = RANK - 1; d >= 0; --d) {
      at += (rest % p.dims[d]) * p.strides[d];
      rest /= p.dims[d];
    }
    ST_RAW(y, i, LD_RAW(x, at));
  }
}
