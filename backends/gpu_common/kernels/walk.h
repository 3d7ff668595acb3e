// SPDX-License-Identifier: Apache-2.0
// Walks the elements of a tensor and of operands that are broadcast to it, as rows: the innermost merged
// dimension is a row, the RANK outer ones number the rows (ops/walk.h). Invocations stride over both, so
// that any number of them is enough and neighbours touch neighbouring elements. Divisions: one per row.
//
// The kernel has a constant RANK, push words WALK_PARAMS, and the buffer walk_table: the outer dims, then for
// each operand its outer strides. Element (row, i) of the result is element WALK_TO(row, i) of its buffer.
#define WALK_PARAMS int inner; int rows; int step[5]; int from[5]; int to;
#define WALK_ROWS(row) for (int row = GLOBAL_ID(1); row < p.rows; row += GROUPS(1) * GROUP_SIZE(1))
#define WALK_TO(row, i) (p.to + (row) * p.inner + (i))
#define WALK_INNER(i) for (int i = GLOBAL_ID(0); i < p.inner; i += GROUPS(0) * GROUP_SIZE(0))
// at[k]: where operand k has the first element of this row. at: an array of 5.
#define WALK_OFFSETS(row, at, operands)                              \
  UNROLL for (int k_ = 0; k_ < operands; ++k_) at[k_] = p.from[k_];           \
  int rest_ = row;                                                   \
  for (int d_ = RANK - 1; d_ >= 0; --d_) {                           \
    const int whole_ = rest_ / walk_table[d_];                       \
    const int c_ = rest_ - whole_ * walk_table[d_];                  \
    rest_ = whole_;                                                  \
    UNROLL for (int k_ = 0; k_ < operands; ++k_)                     \
      at[k_] += c_ * walk_table[(k_ + 1) * RANK + d_];               \
  }
