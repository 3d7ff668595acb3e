// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// LRN: x / (bias + alpha / size * sum of x^2 over neighbouring channels) ^ beta.
#include "types.h"
PARAMS(int n; int channels; int inner; int before; int after; float alpha; float beta; float bias;)
KERNEL(lrn)
IN(STORE, 0, x)
OUT(STORE, 1, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i >= p.n) return;
  const int c = i / p.inner % p.channels;
  const int first = c > p.before ? -p.before : -c;
  const int last = c + p.after < p.channels ? p.after : p.channels - 1 - c;
  float sum = 0.0f;
  for (int k = first; k <= last; ++k) {
    const float v = LD(x, i + k * p.inner);
    sum += v * v;
  }
  ST(y, i, LD(x, i) / pow(p.bias + p.alpha * sum, p.beta));
}
