// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// y[token] = its word's row + its position's row + its segment's row. The first token with an id outside its
// table lowers the fault.
#include "types.h"
CONSTANT(3, SEGMENTS, 0)
CONSTANT(4, POSITIONS, 0)  // the ids are given
PARAMS(int n; int hidden; int sequence; int words; int positions; int segments; int position_ids;)
#define ADD_ROW(table, id, rows)                 \
  {                                              \
    const int row = id;                          \
    if (row >= 0 && row < rows) {                \
      v += LD(table, row * p.hidden + i);        \
    } else {                                     \
      ATOMIC_MIN(fault, 0, token);               \
    }                                            \
  }
KERNEL(embed)
IN(int, 0, word_ids)
IN(int, 1, segment_ids)
IN(int, 2, position_ids)
IN(STORE, 3, word_table)
IN(STORE, 4, position_table)
IN(STORE, 5, segment_table)
OUT(STORE, 6, y)
OUT(int, 7, fault)
ARGS_END
BODY
  const int at = LINEAR_ID();
  if (at < p.n) {
    const int token = at / p.hidden;
    const int i = at % p.hidden;
    const int position = POSITIONS != 0 ? position_ids[token % p.position_ids] : token % p.sequence;
    float v = 0.0f;
    ADD_ROW(word_table, word_ids[token], p.words)
    ADD_ROW(position_table, position, p.positions)
    if (SEGMENTS != 0) ADD_ROW(segment_table, segment_ids[token], p.segments)
    ST(y, at, v);
  }
}
