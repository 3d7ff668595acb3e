// SPDX-License-Identifier: Apache-2.0
// variants: i32 u32 i64 u64 i8 u8
// Integer arithmetic that wraps around, of one or two operands that are broadcast. A division by zero gives 0,
// and is told in `fault` if it is CHECKED.
#include "types.h"
#include "arith_ops.h"
#include "walk.h"
#if defined(HRT_VARIANT_i64) || defined(HRT_VARIANT_u64)
#define BITS 64
#elif defined(HRT_VARIANT_i8) || defined(HRT_VARIANT_u8)
#define BITS 8
#else
#define BITS 32
#endif
#if defined(HRT_VARIANT_u32) || defined(HRT_VARIANT_u64)
#define IS_MINUS_ONE(b) false
#define IS_NEGATIVE(a) false
#else
#define IS_MINUS_ONE(b) ((b) == TO_COMPUTE(-1))
#define IS_NEGATIVE(a) ((a) < TO_COMPUTE(0))
#endif
CONSTANT(3, RANK, 0)
CONSTANT(4, OP, 1)
CONSTANT(5, CHECKED, 0)
PARAMS(WALK_PARAMS int first;)

COMPUTE quotient(COMPUTE a, COMPUTE b) {
  if (b == TO_COMPUTE(0)) return TO_COMPUTE(0);
  if (IS_MINUS_ONE(b)) return TO_COMPUTE(0) - a;
  return a / b;
}

COMPUTE remainder_of(COMPUTE a, COMPUTE b) {
  const COMPUTE r = b == TO_COMPUTE(0) ? b : a - quotient(a, b) * b;
  const bool turn = OP == ARITH_MOD && r != TO_COMPUTE(0) && IS_NEGATIVE(r) != IS_NEGATIVE(b);
  return turn ? r + b : r;
}

// By a negative number of bits, or by all: everything is shifted out, and the sign fills in.
COMPUTE shifted(COMPUTE a, COMPUTE b) {
  const bool out_ = IS_NEGATIVE(b) || b >= TO_COMPUTE(BITS);
  if (OP == ARITH_SHIFT_LEFT) return out_ ? TO_COMPUTE(0) : a << TO_INT(b);
  if (out_) return IS_NEGATIVE(a) ? TO_COMPUTE(-1) : TO_COMPUTE(0);
  return a >> TO_INT(b);
}

COMPUTE arith(COMPUTE a, COMPUTE b) {
  if (OP == ARITH_ADD) return a + b;
  if (OP == ARITH_SUB) return a - b;
  if (OP == ARITH_MUL) return a * b;
  if (OP == ARITH_DIV) return quotient(a, b);
  if (OP == ARITH_REM || OP == ARITH_MOD) return remainder_of(a, b);
  if (OP == ARITH_MAX) return a > b ? a : b;
  if (OP == ARITH_MIN) return a < b ? a : b;
  if (OP == ARITH_AND) return a & b;
  if (OP == ARITH_OR) return a | b;
  if (OP == ARITH_XOR) return a ^ b;
  if (OP == ARITH_SHIFT_LEFT || OP == ARITH_SHIFT_RIGHT) return shifted(a, b);
  if (OP == ARITH_NOT) return ~a;
  if (OP == ARITH_NEG) return TO_COMPUTE(0) - a;
  if (OP == ARITH_ABS) return IS_NEGATIVE(a) ? TO_COMPUTE(0) - a : a;
  if (OP == ARITH_SIGN) return IS_NEGATIVE(a) ? TO_COMPUTE(-1) : (a == TO_COMPUTE(0) ? a : TO_COMPUTE(1));
  return IS_NEGATIVE(a) ? TO_COMPUTE(0) : a;  // ARITH_RELU
}

KERNEL(arith)
IN(STORE, 0, x0)
IN(STORE, 1, x1)
OUT(STORE, 2, y)
IN(int, 3, walk_table)
OUT(int, 4, fault)
ARGS_END
BODY
  WALK_ROWS(row) {
    int at[5];
    WALK_OFFSETS(row, at, 2)
    WALK_INNER(i) {
      const COMPUTE b = LD(x1, at[1] + i * p.step[1]);
      if (CHECKED != 0 && b == TO_COMPUTE(0)) ATOMIC_MIN(fault, 0, p.first + row * p.inner + i);
      ST(y, WALK_TO(row, i), arith(LD(x0, at[0] + i * p.step[0]), b));
    }
  }
}
