// SPDX-License-Identifier: Apache-2.0
// variants: f32b1 f16b1 f32b2 f16b2
// y = round(x / scale) + zero point, saturated; the quotient is rounded to halves first where PRECISION is 1.
#include "bytes.h"
#include "granularity.h"
CONSTANT(4, SIGNED, 0)
CONSTANT(5, HAS_ZERO, 0)
CONSTANT(6, PRECISION, 0)
PARAMS(int n; GRANULARITY_PARAMS)

// To the nearest of 11 significant bits, halfway to even. What halves cannot hold is saturated later.
float rounded_to_half(float v) {
  const uint bits = FLOAT_BITS(v);
  return v == v ? BITS_FLOAT((bits + 4095u + ((bits >> 13) & 1u)) & 4294959104u) : v;
}

KERNEL(quantize)
IN(STORE, 0, x)
IN(STORE, 1, scale)
IN(INT_STORE, 2, zero)
OUT(INT_STORE, 3, y)
ARGS_END
BODY
  for (int i = LINEAR_ID(); i < p.n; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0)) {
    const int k = SCALE_OF(i);
    float v = LD(x, i) / LD(scale, k);
    if (PRECISION == 1) v = rounded_to_half(v);
    INT_ST(y, i, quantised(v, HAS_ZERO != 0 ? INT_LD(zero, k, SIGNED) : 0, SIGNED));
  }
}
