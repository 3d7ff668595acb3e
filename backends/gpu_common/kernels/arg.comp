// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 i32 u32 i64 u64 i8 u8
// Where along an axis the largest or smallest element is, as int64. As in a plain loop, a NaN wins only in the
// first place, and is never replaced.
#include "types.h"
#include "rows.h"
CONSTANT(4, LARGEST, 1)
CONSTANT(5, LAST, 0)  // of equal ones
PARAMS(int rows; int n; int inner;)

int better(COMPUTE v, COMPUTE than) {
  const int win = LARGEST != 0 ? SELECT(0, 1, v > than) : SELECT(0, 1, v < than);
  return LAST != 0 && v == than ? 1 : win;
}

// Of two places, the one that a loop over all would end with. first: element 0 of the row.
#define BETTER_PLACE(a, b) place_of(a, b, LD(x, base + (a) * p.inner), LD(x, base + (b) * p.inner))
int place_of(int a, int b, COMPUTE va, COMPUTE vb) {
  if (a == b) return a;
  if (va == vb) return LAST != 0 ? max(a, b) : min(a, b);
  return better(vb, va) != 0 ? b : a;
}

KERNEL(arg)
IN(STORE, 0, x)
OUT(uint2, 1, y)
ARGS_END
SHARED(int, folded, MOST_LANES)
BODY
  const int row = ROW;
  const int lane = LANE;
  if (row >= p.rows) return;
  const int base = row / p.inner * p.n * p.inner + row % p.inner;
  // Every lane begins with the first element, so that a NaN there stays.
  int best = 0;
  COMPUTE value = LD(x, base);
  for (int k = lane; k < p.n; k += LANES) {
    const COMPUTE v = LD(x, base + k * p.inner);
    if (better(v, value) != 0) {
      value = v;
      best = k;
    }
  }
  FOLD_LANES(folded, lane, best, BETTER_PLACE)
  if (lane == 0) y[row] = UINT2(best, 0);
}
