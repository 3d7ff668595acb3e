// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// The first length[b] steps of sequence b backwards, the rest as it is; a length, the two words of an int64, of
// more than there are, told in `fault`, counts as none.
#include "types.h"
CONSTANT(3, TIME_FIRST, 1)
PARAMS(int n; int steps; int batches; int inner;)
KERNEL(reverse_sequence)
IN(STORE, 0, x)
IN(int, 1, lengths)
OUT(STORE, 2, y)
OUT(int, 3, fault)
ARGS_END
BODY
  for (int i = LINEAR_ID(); i < p.n; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0)) {
    const int row = i / p.inner;
    const int slow = row / (TIME_FIRST != 0 ? p.batches : p.steps);
    const int fast = row - slow * (TIME_FIRST != 0 ? p.batches : p.steps);
    const int t = TIME_FIRST != 0 ? slow : fast;
    const int b = TIME_FIRST != 0 ? fast : slow;
    const int length = lengths[2 * b];
    const bool good = lengths[2 * b + 1] == 0 && length >= 0 && length <= p.steps;
    if (!good) ATOMIC_MIN(fault, 0, b);
    const int from = good && t < length ? length - 1 - t : t;
    ST_RAW(y, i, LD_RAW(x, i + (from - t) * p.inner * (TIME_FIRST != 0 ? p.batches : 1)));
  }
}
