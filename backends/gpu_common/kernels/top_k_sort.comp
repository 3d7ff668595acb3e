// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 i32 u32 i64 u64 i8 u8
// Sorts runs of RUN elements of every line, by counting what comes before each: order[line, slot] is which
// element of the line is there. Of a run its first `keep` are written.
#include "types.h"
CONSTANT(3, LARGEST, 1)
CONSTANT(4, RUN, 64)
PARAMS(int lines; int n; int inner; int keep; int slots;)
#include "top_k_order.h"
KERNEL(top_k_sort)
IN(STORE, 0, x)
OUT(int, 1, order)
ARGS_END
BODY
  const int id = LINEAR_ID();
  const int line = id / p.n;
  const int e = id - line * p.n;
  if (line < p.lines) {
    const int base = line / p.inner * p.n * p.inner + line % p.inner;
    const COMPUTE v = LD(x, base + e * p.inner);
    const int run = e / RUN;
    const int end = min((run + 1) * RUN, p.n);
    int rank = 0;
    for (int other = run * RUN; other < end; ++other)
      if (before(other, LD(x, base + other * p.inner), e, v)) ++rank;
    if (rank < p.keep) order[line * p.slots + run * p.keep + rank] = e;
  }
}
