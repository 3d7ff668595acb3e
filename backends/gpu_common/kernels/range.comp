// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 i32 i64
// y[i] = start + i delta.
#include "types.h"
PARAMS(int n;)
KERNEL(range)
IN(STORE, 0, start)
IN(STORE, 1, delta)
OUT(STORE, 2, y)
ARGS_END
BODY
  for (int i = LINEAR_ID(); i < p.n; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0))
    ST(y, i, LD(start, 0) + TO_COMPUTE(i) * LD(delta, 0));
}
