// SPDX-License-Identifier: Apache-2.0
// Products of halves summed in floats by cooperative matrices of 16 x 16: what matmul.comp computes, where m,
// n and k are multiples of 16 and rows of a and b are contiguous. Included behind the definition of MATRIX_A,
// MATRIX_B, MATRIX_SUM, LOAD_A, LOAD_B, STORE_SUM and MULTIPLY_ADD for one of the two extensions.
//
// A subgroup has FM x FN matrices of sums. Results pass through memory of the group, for only there it is
// known which element an invocation holds.
#include "prelude.glsl"
#include "types.h"
#include "epilogue.h"
CONSTANT(3, FM, 4)
CONSTANT(4, FN, 4)
CONSTANT(5, ACT, 0)
CONSTANT(6, HAS_C, 0)
PARAMS(int m; int n; int k; int a_row; int a_col; int b_row; int b_col; int c_row; int c_col; int dims[3];
       int a_batch[3]; int b_batch[3]; int c_batch[3]; float alpha; float beta; float act_a; float act_b; int y_row;)
KERNEL(gemm_matrix)
IN(STORE, 0, a)
IN(STORE, 1, b)
IN(STORE, 2, c)
OUT(STORE, 3, y)
SHARED(float, staged, 256)  // a subgroup is a group

BODY
  const int row = GROUP_ID(1) * FM * 16, column = GROUP_ID(0) * FN * 16;
  int rest = GROUP_ID(2);
  const int y0 = rest * p.m * p.y_row;
  int a0 = 0, b0 = 0, c0 = 0;
  UNROLL for (int d = 2; d >= 0; --d) {
    const int at = rest % p.dims[d];
    rest /= p.dims[d];
    a0 += at * p.a_batch[d];
    b0 += at * p.b_batch[d];
    c0 += at * p.c_batch[d];
  }
  MATRIX_SUM sum[FM * FN];
  UNROLL for (int i = 0; i < FM * FN; ++i) sum[i] = MATRIX_SUM(0.0);
  // Matrices behind the ends are those of the last rows and columns, and are not stored.
  for (int k = 0; k < p.k; k += 16) {
    MATRIX_A left[FM];
    UNROLL for (int i = 0; i < FM; ++i) LOAD_A(left[i], a0 + min(row + i * 16, p.m - 16) * p.a_row + k, p.a_row);
    UNROLL for (int j = 0; j < FN; ++j) {
      MATRIX_B right;
      LOAD_B(right, b0 + k * p.b_row + min(column + j * 16, p.n - 16), p.b_row);
      UNROLL for (int i = 0; i < FM; ++i) sum[i * FN + j] = MULTIPLY_ADD(left[i], right, sum[i * FN + j]);
    }
  }
  UNROLL for (int i = 0; i < FM; ++i) {
    UNROLL for (int j = 0; j < FN; ++j) {
      STORE_SUM(sum[i * FN + j]);
      barrier();
      if (row + i * 16 < p.m && column + j * 16 < p.n) {
        for (int e = LOCAL_ID(0); e < 256; e += GROUP_SIZE(0)) {
          const int r = row + i * 16 + e / 16, col = column + j * 16 + e % 16;
          float v = p.alpha * staged[e];
          if (HAS_C != 0) v += p.beta * LD(c, c0 + r * p.c_row + col * p.c_col);
          ST(y, y0 + r * p.y_row + col, activate(v, ACT, p.act_a, p.act_b));
        }
      }
      barrier();
    }
  }
}
