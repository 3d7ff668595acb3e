// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Resampling along one axis: an output is a weighted sum of TAPS elements, whose places and weights the host
// has worked out.
#include "types.h"
CONSTANT(3, TAPS, 2)
PARAMS(int n; int from; int to; int inner;)
KERNEL(resize)
IN(STORE, 0, x)
IN(int, 1, places)
IN(float, 2, weights)
OUT(STORE, 3, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i >= p.n) return;
  const int tap = i / p.inner % p.to * TAPS;
  const int base = i / p.inner / p.to * p.from * p.inner + i % p.inner;
  float v = 0.0f;
  for (int k = 0; k < TAPS; ++k) v += weights[tap + k] * LD(x, base + places[tap + k] * p.inner);
  ST(y, i, v);
}
