// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// The elements of every matrix on one side of its k-th diagonal, zero elsewhere. k: the two words of an int64.
#include "types.h"
CONSTANT(3, UPPER, 1)
PARAMS(int n; int rows; int columns;)
KERNEL(trilu)
IN(STORE, 0, x)
IN(int, 1, k)
OUT(STORE, 2, y)
ARGS_END
BODY
  const int far = k[1] < 0 ? -2147483647 : 2147483647;
  const int bound = k[1] == (k[0] < 0 ? -1 : 0) ? k[0] : far;
  for (int i = LINEAR_ID(); i < p.n; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0)) {
    const int row = i / p.columns;
    const int diagonal = i - row * p.columns - row % p.rows;
    if (UPPER != 0 ? diagonal >= bound : diagonal <= bound) {
      ST_RAW(y, i, LD_RAW(x, i));
    } else {
      ST_RAW(y, i, RAW_ZERO);
    }
  }
}
