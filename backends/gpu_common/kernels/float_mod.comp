// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Mod of floats: the sign is the dividend's (ARITH_REM) or the divisor's (ARITH_MOD). No operation of kernel chain:
// its loops would make every chain slower to compile.
#include "types.h"
#include "arith_ops.h"
#include "fmod.h"
#include "walk.h"
CONSTANT(3, RANK, 0)
CONSTANT(4, OP, ARITH_MOD)
PARAMS(WALK_PARAMS)

float mod_of(float x, float y) {
  const float r = fmod_of(x, y);
  if (OP == ARITH_REM) return r;
  if (r == 0.0f) return y < 0.0f ? -0.0f : 0.0f;
  return (r < 0.0f) != (y < 0.0f) ? r + y : r;
}

KERNEL(float_mod)
IN(STORE, 0, x0)
IN(STORE, 1, x1)
OUT(STORE, 2, y)
IN(int, 3, walk_table)
ARGS_END
BODY
  WALK_ROWS(row) {
    int at[5];
    WALK_OFFSETS(row, at, 2)
    WALK_INNER(i) {
      ST(y, WALK_TO(row, i), mod_of(LD(x0, at[0] + i * p.step[0]), LD(x1, at[1] + i * p.step[1])));
    }
  }
}
