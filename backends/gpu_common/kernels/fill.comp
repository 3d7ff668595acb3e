// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// y[i] = the one element of x, or zero (constant ZERO).
#include "types.h"
CONSTANT(3, ZERO, 0)
PARAMS(int n;)
KERNEL(fill)
IN(STORE, 0, x)
OUT(STORE, 1, y)
ARGS_END
BODY
  for (int i = LINEAR_ID(); i < p.n; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0)) {
    if (ZERO != 0) {
      ST_RAW(y, i, RAW_ZERO);
    } else {
      ST_RAW(y, i, LD_RAW(x, 0));
    }
  }
}
