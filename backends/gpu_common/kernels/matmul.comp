// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Any product of strided, broadcast matrices: y = act(alpha a b + beta c). Each invocation has a tile of
// ROWS x COLUMNS results in registers; neighbours have neighbouring columns. What no faster kernel takes.
#include "types.h"
#include "epilogue.h"
CONSTANT(3, ROWS, 4)
CONSTANT(4, COLUMNS, 1)
CONSTANT(5, ACT, 0)
CONSTANT(6, HAS_C, 0)
PARAMS(int m; int n; int k; int a_row; int a_col; int b_row; int b_col; int c_row; int c_col;
       int dims[3]; int a_batch[3]; int b_batch[3]; int c_batch[3]; float alpha; float beta; float act_a;
       float act_b;)
KERNEL(matmul)
IN(STORE, 0, a)
IN(STORE, 1, b)
IN(STORE, 2, c)
OUT(STORE, 3, y)
ARGS_END
BODY
  const int column = GROUP_ID(0) * GROUP_SIZE(0) * COLUMNS + LOCAL_ID(0);
  const int row = GLOBAL_ID(1) * ROWS;
  int rest = GLOBAL_ID(2);
  const int y0 = rest * p.m * p.n;
  int a0 = 0;
  int b0 = 0;
  int c0 = 0;
  UNROLL for (int d = 2; d >= 0; --d) {
    const int at = rest % p.dims[d];
    rest /= p.dims[d];
    a0 += at * p.a_batch[d];
    b0 += at * p.b_batch[d];
    c0 += at * p.c_batch[d];
  }
  if (column < p.n && row < p.m) {
    float sum[ROWS * COLUMNS];
    int at_b[COLUMNS];
    int at_a[ROWS];
    UNROLL for (int i = 0; i < ROWS * COLUMNS; ++i) sum[i] = 0.0f;
    UNROLL for (int j = 0; j < COLUMNS; ++j) {
      const int col = column + j * GROUP_SIZE(0);
      at_b[j] = b0 + (col < p.n ? col : column) * p.b_col;
    }
    UNROLL for (int i = 0; i < ROWS; ++i) at_a[i] = a0 + (row + i < p.m ? row + i : row) * p.a_row;
    for (int k = 0; k < p.k; ++k) {
      float right[COLUMNS];
      UNROLL for (int j = 0; j < COLUMNS; ++j) right[j] = LD(b, at_b[j] + k * p.b_row);
      UNROLL for (int i = 0; i < ROWS; ++i) {
        const float left = LD(a, at_a[i] + k * p.a_col);
        UNROLL for (int j = 0; j < COLUMNS; ++j) sum[i * COLUMNS + j] += left * right[j];
      }
    }
    UNROLL for (int i = 0; i < ROWS; ++i) {
      UNROLL for (int j = 0; j < COLUMNS; ++j) {
        const int r = row + i;
        const int col = column + j * GROUP_SIZE(0);
        if (r < p.m && col < p.n) {
          float v = p.alpha * sum[i * COLUMNS + j];
          if (HAS_C != 0) v += p.beta * LD(c, c0 + r * p.c_row + col * p.c_col);
          ST(y, y0 + r * p.n + col, activate(v, ACT, p.act_a, p.act_b));
        }
      }
    }
  }
}
