// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// y[o, k, i] = values[1] where k is index[o, i], counted from the end when negative, else values[0].
#include "types.h"
#include "index.h"
CONSTANT(3, WORDS, 1)
PARAMS(int n; int depth; int inner;)
KERNEL(one_hot)
IN(int, 0, indices)
IN(STORE, 1, values)
OUT(STORE, 2, y)
ARGS_END
BODY
  for (int i = LINEAR_ID(); i < p.n; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0)) {
    const int line = i / p.inner;
    const int outer = line / p.depth;
    const int at = outer * p.inner + i - line * p.inner;
    const int k = INDEX(indices, at, p.depth);
    ST_RAW(y, i, LD_RAW(values, k == line - outer * p.depth ? 1 : 0));
  }
}
