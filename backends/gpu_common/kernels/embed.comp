// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// y[token] = its word's row + its position's row + its segment's row. An id outside its table, which no dispatch
// can report, adds nothing.
#include "types.h"
CONSTANT(3, SEGMENTS, 0)
CONSTANT(4, POSITIONS, 0)  // the ids are given
PARAMS(int n; int hidden; int sequence; int words; int positions; int segments; int position_ids;)
#define ROW_OF(table, id, rows, i) ((id) >= 0 && (id) < rows ? LD(table, (id) * p.hidden + (i)) : 0.0f)
KERNEL(embed)
IN(int, 0, word_ids)
IN(int, 1, segment_ids)
IN(int, 2, position_ids)
IN(STORE, 3, word_table)
IN(STORE, 4, position_table)
IN(STORE, 5, segment_table)
OUT(STORE, 6, y)
ARGS_END
BODY
  const int at = LINEAR_ID();
  if (at < p.n) {
    const int token = at / p.hidden;
    const int i = at % p.hidden;
    const int position = POSITIONS != 0 ? position_ids[token % p.position_ids] : token % p.sequence;
    float v = ROW_OF(word_table, word_ids[token], p.words, i) + ROW_OF(position_table, position, p.positions, i);
    if (SEGMENTS != 0) v += ROW_OF(segment_table, segment_ids[token], p.segments, i);
    ST(y, at, v);
  }
}
