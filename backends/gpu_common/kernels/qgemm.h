// SPDX-License-Identifier: Apache-2.0
// Products of matrices of bytes, sum of (a - a's zero point) (b - b's), exact in 32 bits; then as integers (i32),
// as floats (f32 f16: times scales, plus a bias), or quantised (u8). Operands as qgemm_pack makes them. An
// invocation has PANELS x 4 rows and 4 columns in registers. Zero points are taken out behind the sum:
// sum of a b - za sum of b - zb sum of a + k za zb. Included by qgemm.comp and qgemm_dot.comp, which say how a word
// of four bytes is multiplied.
#include "types.h"
CONSTANT(3, PANELS, 2)
CONSTANT(4, A_ZERO, 0)  // kinds of ZERO_OF
CONSTANT(5, B_ZERO, 0)
#include "qresult.h"
PARAMS(int m; int n; int k; int k4; int n4; int panels; int dims[2]; int a_batch[3]; int b_batch[3]; int za_row;
       int za_matrix; int zb_column; int zb_matrix; int sa_row; int sa_matrix; int sb_column; int sb_matrix;
       int bias_row; int bias_column; float alpha;)
#define ONES 0x01010101u

KERNEL(qgemm)
IN(uint4, 0, a)
IN(uint4, 1, b)
IN(S_U8, 2, za)
IN(S_U8, 3, zb)
IN(float, 4, sa)
IN(float, 5, sb)
IN(int, 6, bias)
IN(float, 7, y_scale)
IN(S_U8, 8, y_zero)
OUT(STORE, 9, y)
ARGS_END
BODY
  const int column4 = GLOBAL_ID(0);
  const int panel = GLOBAL_ID(1) * PANELS;
  const int batch = GLOBAL_ID(2);
  if (column4 < p.n4 && panel < p.panels) {
    const int i2 = batch % p.dims[1];
    const int i1 = batch / p.dims[1] % p.dims[0];
    const int i0 = batch / p.dims[1] / p.dims[0];
    const int of_a = i0 * p.a_batch[0] + i1 * p.a_batch[1] + i2 * p.a_batch[2];
    const int of_b = i0 * p.b_batch[0] + i1 * p.b_batch[1] + i2 * p.b_batch[2];
    int4 sums[PANELS * 4];
    int4 sum_b = INT4(0, 0, 0, 0);
    int sum_a[PANELS * 4];
    int at_a[PANELS];
    UNROLL for (int i = 0; i < PANELS * 4; ++i) {
      sums[i] = INT4(0, 0, 0, 0);
      sum_a[i] = 0;
    }
    UNROLL for (int i = 0; i < PANELS; ++i)
      at_a[i] = (of_a * p.panels + min(panel + i, p.panels - 1)) * p.k4;
    int at_b = of_b * p.k4 * p.n4 + column4;
    for (int k = 0; k < p.k4; ++k) {
      const uint4 right = b[at_b];
      at_b += p.n4;
      RIGHT(right)
      if (A_ZERO != 0) ADD_RIGHT(sum_b, ONES)
      UNROLL for (int i = 0; i < PANELS; ++i) {
        const uint4 left = a[at_a[i] + k];
        ADD_ROW(sums[i * 4], sum_a[i * 4], left.x)
        ADD_ROW(sums[i * 4 + 1], sum_a[i * 4 + 1], left.y)
        ADD_ROW(sums[i * 4 + 2], sum_a[i * 4 + 2], left.z)
        ADD_ROW(sums[i * 4 + 3], sum_a[i * 4 + 3], left.w)
      }
    }
    UNROLL for (int i = 0; i < PANELS * 4; ++i) {
      const int row = panel * 4 + i;
      if (row < p.m) {
        const int zero_a = ZERO_OF(za, row * p.za_row + of_a * p.za_matrix, A_ZERO);
        int4 v = sums[i] - zero_a * sum_b;
        int values[4];
        values[0] = v.x;
        values[1] = v.y;
        values[2] = v.z;
        values[3] = v.w;
        UNROLL for (int c = 0; c < 4; ++c) {
          const int column = column4 * 4 + c;
          if (column < p.n) {
            const int zero_b = ZERO_OF(zb, column * p.zb_column + of_b * p.zb_matrix, B_ZERO);
            const int sum = values[c] - zero_b * sum_a[i] + p.k * zero_a * zero_b;
            PUT_RESULT((batch * p.m + row) * p.n + column, sum,
                       sa[row * p.sa_row + of_a * p.sa_matrix] *
                           sb[column * p.sb_column + of_b * p.sb_matrix] * p.alpha,
                       row * p.bias_row + column * p.bias_column + of_a * p.m * p.bias_row)
          }
        }
      }
    }
  }
}
