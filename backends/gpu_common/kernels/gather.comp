// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// y[o, k, i] = x[o, index[k], i]. Indices are read as 32-bit words, WORDS of them each: 64-bit ones need no
// 64-bit arithmetic. An index outside the axis gives zero, and is told in `fault` if they are CHECKED.
// PARTS: x is elements [first, first + held) of its tensor alone; what lies elsewhere is not written. y and its
// rows begin at element `to` and row first_row of theirs.
#include "types.h"
#include "index.h"
CONSTANT(3, WORDS, 1)
CONSTANT(4, CHECKED, 1)
CONSTANT(5, PARTS, 0)
PARAMS(int inner; int rows; int count; int size; int first; int held; int first_row; int to;)
KERNEL(gather)
IN(STORE, 0, x)
IN(int, 1, indices)
OUT(STORE, 2, y)
OUT(int, 3, fault)
ARGS_END
BODY
  for (int row = GLOBAL_ID(1); row < p.rows; row += GROUPS(1) * GROUP_SIZE(1)) {
    const int outer = (row + p.first_row) / p.count;
    const int k = row + p.first_row - outer * p.count;
    const int at = INDEX(indices, k, p.size);
    if (CHECKED != 0 && at < 0) ATOMIC_MIN(fault, 0, k);
    for (int i = GLOBAL_ID(0); i < p.inner; i += GROUPS(0) * GROUP_SIZE(0)) {
      const int from = (outer * p.size + at) * p.inner + i - p.first;
      if (at < 0) {
        ST_RAW(y, p.to + row * p.inner + i, RAW_ZERO);
      } else if (PARTS == 0 || (from >= 0 && from < p.held)) {
        ST_RAW(y, p.to + row * p.inner + i, LD_RAW(x, from));
      }
    }
  }
}
