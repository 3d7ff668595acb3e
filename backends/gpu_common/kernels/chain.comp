// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 f32_1 f16_1 f32_light f16_light
// glslc: -O0
// Up to 8 element-wise operations one after the other, over operands that are broadcast: one read of each
// operand and one write. The operations are constants of the pipeline, so that only their code is left. What pipelines are made of is all the code,
// though: variants for one operation and for up to 4 of the usual ones have less of it, and functions stay
// functions (-O0), so that they stand there once.
#if defined(HRT_VARIANT_f32_1) || defined(HRT_VARIANT_f32_light)
#define HRT_VARIANT_f32
#elif defined(HRT_VARIANT_f16_1) || defined(HRT_VARIANT_f16_light)
#define HRT_VARIANT_f16
#endif
#if defined(HRT_VARIANT_f32_1) || defined(HRT_VARIANT_f16_1)
#define MOST_STEPS 1
#elif defined(HRT_VARIANT_f32_light) || defined(HRT_VARIANT_f16_light)
#define CHAIN_LIGHT
#define MOST_STEPS 4
#else
#define MOST_STEPS 8
#endif
#include "types.h"
#include "chain_math.h"
#include "walk.h"
CONSTANT(3, RANK, 0)
CONSTANT(4, STEPS, 1)
CONSTANT(5, OP0, 0)
CONSTANT(6, OP1, 0)
CONSTANT(7, OP2, 0)
CONSTANT(8, OP3, 0)
CONSTANT(9, OP4, 0)
CONSTANT(10, OP5, 0)
CONSTANT(11, OP6, 0)
CONSTANT(12, OP7, 0)
// The operand of each operation: 0 none, 1 ... 4, and 8 more where it stands on the left.
CONSTANT(13, ARG0, 0)
CONSTANT(14, ARG1, 0)
CONSTANT(15, ARG2, 0)
CONSTANT(16, ARG3, 0)
CONSTANT(17, ARG4, 0)
CONSTANT(18, ARG5, 0)
CONSTANT(19, ARG6, 0)
CONSTANT(20, ARG7, 0)
PARAMS(WALK_PARAMS float a[8]; float b[8];)
#define OPERAND(buffer, k) LD(buffer, at[k] + i * p.step[k])
#define VALUE(arg)                                                                             \
  (((arg) & 7) == 1 ? OPERAND(x1, 1)                                                           \
                    : (((arg) & 7) == 2 ? OPERAND(x2, 2)                                       \
                                        : (((arg) & 7) == 3 ? OPERAND(x3, 3)                   \
                                                            : (((arg) & 7) == 4 ? OPERAND(x4, 4) : 0.0f))))
#define STEP(k, op, arg)                                                                       \
  if (STEPS > k) {                                                                             \
    const float v = VALUE(arg);                                                                \
    r = (arg) >= 8 ? chain_step(op, v, r, p.a[k], p.b[k]) : chain_step(op, r, v, p.a[k], p.b[k]); \
  }
KERNEL(chain)
IN(STORE, 0, x0)
IN(STORE, 1, x1)
IN(STORE, 2, x2)
IN(STORE, 3, x3)
IN(STORE, 4, x4)
OUT(STORE, 5, y)
IN(int, 6, walk_table)
ARGS_END
BODY
  WALK_ROWS(row) {
    int at[5];
    WALK_OFFSETS(row, at, 5)
    WALK_INNER(i) {
      float r = OPERAND(x0, 0);
      STEP(0, OP0, ARG0)
#if MOST_STEPS > 1
      STEP(1, OP1, ARG1)
      STEP(2, OP2, ARG2)
      STEP(3, OP3, ARG3)
#endif
#if MOST_STEPS > 4
      STEP(4, OP4, ARG4)
      STEP(5, OP5, ARG5)
      STEP(6, OP6, ARG6)
      STEP(7, OP7, ARG7)
#endif
      ST(y, WALK_TO(row, i), r);
    }
  }
}
