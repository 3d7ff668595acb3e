// SPDX-License-Identifier: Apache-2.0
// The first item of a batch whose lengths (lengths.h) do not fit its cache lowers the fault.
CONSTANT(3, LENGTHS, 1)
CONSTANT(4, COUNTS, 0)
CONSTANT(5, TOTAL, 0)  // the number of keys is said to be total[0]
PARAMS(int n; int keys; int tokens; int old;)
KERNEL(check_lengths)
IN(int, 0, lengths)
IN(int, 1, counts)
IN(int, 2, total)
OUT(int, 3, fault)
ARGS_END
BODY
  const int b = LINEAR_ID();
  if (b < p.n) {
    bool fits;
    if (LENGTHS == 1) {
      fits = lengths[2 * b + 1] == 0 && lengths[2 * b] >= 0 && lengths[2 * b] <= p.keys;
    } else {
      const int last = lengths[b];
      fits = last >= 0 && last < p.keys && (TOTAL == 0 || last < total[0]);
      const int most = fits ? min(p.tokens, last + 1) : 0;
      const int count = COUNTS != 0 ? counts[b] : most;
      fits = fits && count >= 0 && count <= most && last + 1 - count <= p.old;
    }
    if (!fits) ATOMIC_MIN(fault, 0, b);
  }
}
