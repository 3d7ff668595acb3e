// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 i32 u32 i64 u64 i8 u8
// Comparisons, logic and tests of one or two operands that are broadcast; the result is boolean.
#include "types.h"
#include "arith_ops.h"
#include "walk.h"
CONSTANT(3, RANK, 0)
CONSTANT(4, OP, 1)
PARAMS(WALK_PARAMS)

bool compared(COMPUTE a, COMPUTE b) {
  const COMPUTE zero = TO_COMPUTE(0);
  if (OP == COMPARE_EQUAL) return a == b;
  if (OP == COMPARE_LESS) return a < b;
  if (OP == COMPARE_LESS_EQUAL) return a <= b;
  if (OP == COMPARE_AND) return a != zero && b != zero;
  if (OP == COMPARE_OR) return a != zero || b != zero;
  if (OP == COMPARE_XOR) return (a != zero) != (b != zero);
  if (OP == COMPARE_NOT) return a == zero;
#if defined(HRT_VARIANT_f32) || defined(HRT_VARIANT_f16)
  const uint bits = FLOAT_BITS(a);
  if (OP == COMPARE_NAN) return (bits & 0x7fffffffu) > 0x7f800000u;
  if (OP == COMPARE_INF) return (bits & 0x7fffffffu) == 0x7f800000u;
  if (OP == COMPARE_INF_PLUS) return bits == 0x7f800000u;
  if (OP == COMPARE_INF_MINUS) return bits == 0xff800000u;
#endif
  return false;  // IsInf that detects neither sign
}

KERNEL(compare)
IN(STORE, 0, x0)
IN(STORE, 1, x1)
OUT(S_U8, 2, y)
IN(int, 3, walk_table)
ARGS_END
BODY
  WALK_ROWS(row) {
    int at[5];
    WALK_OFFSETS(row, at, 2)
    WALK_INNER(i) {
      const bool r = compared(LD(x0, at[0] + i * p.step[0]), LD(x1, at[1] + i * p.step[1]));
      ST_U8(y, WALK_TO(row, i), r ? 1 : 0);
    }
  }
}
