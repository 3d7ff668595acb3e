// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 i32 u32 i64 u64 i8 u8
// Merges sorted runs two by two: an element's place in the merged run is its own place plus how many of the other
// run come before it, which a binary search tells. Of a merged run the first `keep` are written.
#include "types.h"
CONSTANT(3, LARGEST, 1)
PARAMS(int lines; int n; int inner; int slots; int run; int keep; int merged_slots;)
#include "top_k_order.h"
KERNEL(top_k_merge)
IN(STORE, 0, x)
IN(int, 1, order)
OUT(int, 2, merged)
ARGS_END
BODY
  const int id = LINEAR_ID();
  const int line = id / p.slots;
  const int slot = id - line * p.slots;
  if (line < p.lines) {
    const int base = line / p.inner * p.n * p.inner + line % p.inner;
    const int own = slot / p.run;
    const int other = own % 2 == 0 ? own + 1 : own - 1;
    const int e = order[line * p.slots + slot];
    const COMPUTE v = LD(x, base + e * p.inner);
    int low = min(other * p.run, p.slots);
    const int begin = low;
    int high = min(low + p.run, p.slots);
    while (low < high) {
      const int middle = (low + high) / 2;
      const int m = order[line * p.slots + middle];
      if (before(m, LD(x, base + m * p.inner), e, v)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const int place = slot - own * p.run + low - begin;
    if (place < p.keep) merged[line * p.merged_slots + own / 2 * p.keep + place] = e;
  }
}
