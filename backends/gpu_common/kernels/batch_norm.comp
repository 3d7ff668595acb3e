// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// y = (x - mean) / sqrt(variance + epsilon) * scale + bias with given statistics of each channel.
#include "types.h"
PARAMS(int n; int channels; int inner; float epsilon;)
KERNEL(batch_norm)
IN(STORE, 0, x)
IN(STORE, 1, scale)
IN(STORE, 2, bias)
IN(STORE, 3, mean)
IN(STORE, 4, variance)
OUT(STORE, 5, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i >= p.n) return;
  const int c = i / p.inner % p.channels;
  const float factor = LD(scale, c) / sqrt(LD(variance, c) + p.epsilon);
  ST(y, i, (LD(x, i) - LD(mean, c)) * factor + LD(bias, c));
}
