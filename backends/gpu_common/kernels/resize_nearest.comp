// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// Resampling along one axis by the nearest element, whose place the host has worked out.
#include "types.h"
PARAMS(int n; int from; int to; int inner;)
KERNEL(resize_nearest)
IN(STORE, 0, x)
IN(int, 1, places)
OUT(STORE, 2, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i >= p.n) return;
  const int base = i / p.inner / p.to * p.from * p.inner + i % p.inner;
  ST_RAW(y, i, LD_RAW(x, base + places[i / p.inner % p.to] * p.inner));
}
