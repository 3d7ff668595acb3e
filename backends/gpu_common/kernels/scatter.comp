// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8 f32 f16 i32 u32 i64 u64 i8 u8
// Updates of y along an axis of `size` elements `step` apart: y[line, index[j]] = update[line, j], or op of both,
// for j = first ... last - 1 of every line. Of updates that meet in one element the last stays, or all are folded in
// order, as in a plain loop: an element belongs to one of LANES invocations, which goes through all indices of
// its line and takes those of its own elements. So there are no atomics, and results never depend on timing.
#include "types.h"
#include "index.h"
#include "scatter_ops.h"
CONSTANT(3, WORDS, 1)
CONSTANT(4, CHECKED, 1)
CONSTANT(5, RANK, 1)   // of the dims that number lines
CONSTANT(6, SHARED_INDICES, 0)  // by all lines
CONSTANT(7, LANES, 1)
CONSTANT(8, OP, 0)
// update_step: from one update of a line to the next, as indices lie unless they are shared.
PARAMS(int lines; int first; int last; int size; int step; int update_step; int dims[8]; int ys[8]; int us[8];)

#if defined(COMPUTE)
COMPUTE folded(COMPUTE a, COMPUTE b) {
  if (OP == SCATTER_ADD) return a + b;
  if (OP == SCATTER_MUL) return a * b;
  if (OP == SCATTER_MAX) return a < b || b != b ? b : a;
  return b < a || b != b ? b : a;  // SCATTER_MIN
}
#define UPDATE(to, from) ST(y, to, folded(LD(y, to), LD(updates, from)))
#else
#define UPDATE(to, from) ST_RAW(y, to, LD_RAW(updates, from))
#endif

KERNEL(scatter)
IN(int, 0, indices)
IN(STORE, 1, updates)
OUT(STORE, 2, y)
OUT(int, 3, fault)
ARGS_END
BODY
  const int id = LINEAR_ID();
  const int lane = id / p.lines;
  if (lane < LANES) {
    int rest = id - lane * p.lines;
    int to = 0;
    int from = 0;
    UNROLL for (int d = RANK - 1; d >= 0; --d) {
      const int whole = rest / p.dims[d];
      const int c = rest - whole * p.dims[d];
      to += c * p.ys[d];
      from += c * p.us[d];
      rest = whole;
    }
    for (int j = p.first; j < p.last; ++j) {
      const int place = SHARED_INDICES != 0 ? j : from + j * p.update_step;
      const int k = INDEX(indices, place, p.size);
      if (CHECKED != 0 && k < 0 && lane == 0) ATOMIC_MIN(fault, 0, place);
      if (k >= 0 && k % LANES == lane) UPDATE(to + k * p.step, from + j * p.update_step);
    }
  }
}
