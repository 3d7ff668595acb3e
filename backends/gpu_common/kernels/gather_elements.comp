// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// y[c] = x[c, but at index[c] along one axis, of `size` elements `step` apart]. strides: of x, 0 for that axis.
#include "types.h"
#include "index.h"
CONSTANT(3, WORDS, 1)
CONSTANT(4, CHECKED, 1)
CONSTANT(5, RANK, 1)
PARAMS(int n; int size; int step; int dims[8]; int strides[8];)
KERNEL(gather_elements)
IN(STORE, 0, x)
IN(int, 1, indices)
OUT(STORE, 2, y)
OUT(int, 3, fault)
ARGS_END
BODY
  for (int i = LINEAR_ID(); i < p.n; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0)) {
    const int k = INDEX(indices, i, p.size);
    if (CHECKED != 0 && k < 0) ATOMIC_MIN(fault, 0, i);
    int from = k * p.step;
    int rest = i;
    UNROLL for (int d = RANK - 1; d >= 0; --d) {
      const int whole = rest / p.dims[d];
      from += (rest - whole * p.dims[d]) * p.strides[d];
      rest = whole;
    }
    if (k >= 0) {
      ST_RAW(y, i, LD_RAW(x, from));
    } else {
      ST_RAW(y, i, RAW_ZERO);
    }
  }
}
