// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// A matrix with `one` on its k-th diagonal, zero elsewhere.
#include "types.h"
PARAMS(int n; int columns; int k;)
KERNEL(eye)
IN(STORE, 0, one)
OUT(STORE, 1, y)
ARGS_END
BODY
  for (int i = LINEAR_ID(); i < p.n; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0)) {
    const int row = i / p.columns;
    if (i - row * p.columns - row == p.k) {
      ST_RAW(y, i, LD_RAW(one, 0));
    } else {
      ST_RAW(y, i, RAW_ZERO);
    }
  }
}
