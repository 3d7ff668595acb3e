// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// y = x as floats, in texels from the last to the first.
#include "types.h"
PARAMS(int n;)
KERNEL(test_image)
IMAGE(0, x)
OUT(float4, 1, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) y[i] = TEXEL(x, p.n - 1 - i);
}
