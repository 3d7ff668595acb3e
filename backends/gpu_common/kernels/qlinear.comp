// SPDX-License-Identifier: Apache-2.0
// Element-wise operators of tensors of bytes, broadcast: to real numbers, computed, quantised.
#include "bytes.h"
#include "qlinear_ops.h"
#include "walk.h"
CONSTANT(3, RANK, 0)
CONSTANT(4, OP, 0)
CONSTANT(5, SIGNED, 0)
CONSTANT(6, A_ZERO, 0)  // there is one
CONSTANT(7, B_ZERO, 0)
CONSTANT(8, Y_ZERO, 0)
PARAMS(WALK_PARAMS float alpha;)
#define REAL(x, i, scale, zero, has_zero) \
  (TO_FLOAT(INT_LD(x, i, SIGNED) - (has_zero != 0 ? INT_LD(zero, 0, SIGNED) : 0)) * scale[0])
KERNEL(qlinear)
IN(S_U8, 0, a)
IN(S_U8, 1, b)
IN(S_U8, 2, condition)
IN(float, 3, a_scale)
IN(S_U8, 4, a_zero)
IN(float, 5, b_scale)
IN(S_U8, 6, b_zero)
IN(float, 7, y_scale)
IN(S_U8, 8, y_zero)
OUT(S_U8, 9, y)
IN(int, 10, walk_table)
ARGS_END
BODY
  const int zero = Y_ZERO != 0 ? INT_LD(y_zero, 0, SIGNED) : 0;
  WALK_ROWS(row) {
    int at[5];
    WALK_OFFSETS(row, at, 3)
    WALK_INNER(i) {
      float v = REAL(a, at[0] + i * p.step[0], a_scale, a_zero, A_ZERO);
      if (OP <= QLINEAR_WHERE) {
        const float other = REAL(b, at[1] + i * p.step[1], b_scale, b_zero, B_ZERO);
        if (OP == QLINEAR_ADD) v += other;
        if (OP == QLINEAR_MUL) v *= other;
        if (OP == QLINEAR_WHERE && LD_I(condition, at[2] + i * p.step[2]) == 0) v = other;
      }
      if (OP == QLINEAR_SIGMOID) v = 1.0f / (1.0f + exp(-v));
      if (OP == QLINEAR_LEAKY_RELU && v < 0.0f) v *= p.alpha;
      INT_ST(y, WALK_TO(row, i), quantised(v / y_scale[0], zero, SIGNED));
    }
  }
}
