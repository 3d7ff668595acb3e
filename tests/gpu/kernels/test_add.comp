// SPDX-License-Identifier: Apache-2.0
// variants: f32 i32 f16 f64
// y = x + ADD + p.add, elementwise.
#include "types.h"
CONSTANT(3, ADD, 0)
PARAMS(int n; int add;)
KERNEL(test_add)
IN(STORE, 0, x)
OUT(STORE, 1, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) ST(y, i, LD(x, i) + ADD + p.add);
}
