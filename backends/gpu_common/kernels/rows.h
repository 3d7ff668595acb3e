// SPDX-License-Identifier: Apache-2.0
// Rows that are folded by one invocation each (LANES = 1), or by all LANES invocations of a group: every lane
// folds what it meets on its way through the row, then the lanes are folded by halves in memory of the group.
// A kernel declares SHARED(COMPUTE, folded, MOST_LANES).
#define MOST_LANES 256
CONSTANT(3, LANES, 1)

#define ROW (LINEAR_ID() / LANES)
#define LANE (LINEAR_ID() % LANES)

// v becomes op(v of lane 0, v of lane 1, ...) in every lane. op(a, b) is a macro or function.
#define FOLD_LANES(folded, lane, v, op)                          \
  if (LANES > 1) {                                               \
    folded[lane] = v;                                            \
    BARRIER();                                                   \
    for (int half_ = LANES / 2; half_ > 0; half_ /= 2) {         \
      if (lane < half_) folded[lane] = op(folded[lane], folded[lane + half_]); \
      BARRIER();                                                 \
    }                                                            \
    v = folded[0];                                               \
    BARRIER();                                                   \
  }

#define PLUS(a, b) ((a) + (b))
#define TIMES(a, b) ((a) * (b))
