// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// The elements that top_k_sort and top_k_merge put in order, and, as int64, which they are.
#include "types.h"
CONSTANT(3, VALUES, 1)
CONSTANT(4, PLACES, 1)
PARAMS(int total; int n; int inner; int k; int slots;)
KERNEL(top_k_take)
IN(STORE, 0, x)
IN(int, 1, order)
OUT(STORE, 2, values)
OUT(uint2, 3, places)
ARGS_END
BODY
  for (int i = LINEAR_ID(); i < p.total; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0)) {
    const int row = i / p.inner;
    const int inner = i - row * p.inner;
    const int outer = row / p.k;
    const int e = order[(outer * p.inner + inner) * p.slots + row - outer * p.k];
    if (VALUES != 0) ST_RAW(values, i, LD_RAW(x, (outer * p.n + e) * p.inner + inner));
    if (PLACES != 0) places[i] = UINT2(e, 0);
  }
}
