// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Depthwise convolution of lines over the element and those before it, which begin with a state: past, then x.
// KEEP: y is the state for the next call, the last elements of that.
#include "types.h"
CONSTANT(3, KEEP, 0)
CONSTANT(4, PAST, 0)
CONSTANT(5, BIAS, 0)
CONSTANT(6, SWISH, 0)
PARAMS(int n; int size; int taps; int channels;)
#define LINE(i)                                                                      \
  ((i) >= p.taps - 1 ? LD(x, line * p.size + (i) - (p.taps - 1))                   \
                     : (PAST != 0 ? LD(past, line * (p.taps - 1) + (i)) : 0.0f))
KERNEL(causal_conv)
IN(STORE, 0, x)
IN(STORE, 1, w)
IN(STORE, 2, bias)
IN(STORE, 3, past)
OUT(STORE, 4, y)
ARGS_END
BODY
  const int id = LINEAR_ID();
  if (id < p.n) {
    const int width = KEEP != 0 ? p.taps - 1 : p.size;
    const int line = id / width;
    const int at = id % width;
    float sum = 0.0f;
    if (KEEP != 0) {
      sum = LINE(p.size + at);
    } else {
      const int channel = line % p.channels;
      if (BIAS != 0) sum = LD(bias, channel);
      for (int k = 0; k < p.taps; ++k) sum += LINE(at + k) * LD(w, channel * p.taps + k);
      if (SWISH != 0) sum = sum / (1.0f + exp(-sum));
    }
    ST(y, id, sum);
  }
}
