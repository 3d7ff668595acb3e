// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// Pad: every output element looks up its source; MODE 0 edge, 1 reflect, 2 wrap. (Constants: fill, strided.)
#include "types.h"
CONSTANT(3, RANK, 1)
CONSTANT(4, MODE, 0)
PARAMS(int n; int dims[7]; int sizes[7]; int before[7]; int strides[7];)
KERNEL(pad)
IN(STORE, 0, x)
OUT(STORE, 1, y)
ARGS_END
BODY
  for (int i = LINEAR_ID(); i < p.n; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0)) {
    int rest = i;
    int at = 0;
    UNROLL for (int d = RANK - 1; d >= 0; --d) {
      int c = rest % p.dims[d] - p.before[d];
      rest /= p.dims[d];
      const int n = p.sizes[d];
      if (MODE == 0) {
        c = c < 0 ? 0 : (c >= n ? n - 1 : c);
      } else {
        const int period = MODE == 2 ? n : (n > 1 ? 2 * n - 2 : 1);
        c = c - (c / period) * period;
        if (c < 0) c += period;
        if (c >= n) c = period - c;
      }
      at += c * p.strides[d];
    }
    ST_RAW(y, i, LD_RAW(x, at));
  }
}
