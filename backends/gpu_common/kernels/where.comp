// SPDX-License-Identifier: Apache-2.0
// variants: b1 b2 b4 b8
// y = condition ? a : b, all three broadcast.
#include "types.h"
#include "walk.h"
CONSTANT(3, RANK, 0)
PARAMS(WALK_PARAMS)
KERNEL(where)
IN(S_U8, 0, condition)
IN(STORE, 1, a)
IN(STORE, 2, b)
OUT(STORE, 3, y)
IN(int, 4, walk_table)
ARGS_END
BODY
  WALK_ROWS(row) {
    int at[5];
    WALK_OFFSETS(row, at, 3)
    WALK_INNER(i) {
      if (LD_I(condition, at[0] + i * p.step[0]) != 0) {
        ST_RAW(y, WALK_TO(row, i), LD_RAW(a, at[1] + i * p.step[1]));
      } else {
        ST_RAW(y, WALK_TO(row, i), LD_RAW(b, at[2] + i * p.step[2]));
      }
    }
  }
}
