// SPDX-License-Identifier: Apache-2.0
// variants: f32b1 f16b1 f32b2 f16b2 f32b4 f16b4
// y = (x - zero point) * scale.
#include "bytes.h"
#include "granularity.h"
CONSTANT(4, SIGNED, 0)
CONSTANT(5, HAS_ZERO, 0)
PARAMS(int n; GRANULARITY_PARAMS)
KERNEL(dequantize)
IN(INT_STORE, 0, x)
IN(STORE, 1, scale)
IN(INT_STORE, 2, zero)
OUT(STORE, 3, y)
ARGS_END
BODY
  for (int i = LINEAR_ID(); i < p.n; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0)) {
    const int k = SCALE_OF(i);
    const int v = INT_LD(x, i, SIGNED);
    ST(y, i, TO_FLOAT(HAS_ZERO != 0 ? v - INT_LD(zero, k, SIGNED) : v) * LD(scale, k));
  }
}
