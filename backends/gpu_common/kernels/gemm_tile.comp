// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// What matmul.comp computes, by tiles in memory of the group.
#include "types.h"
#include "epilogue.h"
#include "gemm_tile.h"
CONSTANT(5, ACT, 0)
CONSTANT(6, HAS_C, 0)
PARAMS(int m; int n; int k; int a_row; int a_col; int b_row; int b_col; int c_row; int c_col;
       int dims[3]; int a_batch[3]; int b_batch[3]; int c_batch[3]; float alpha; float beta; float act_a;
       float act_b;)
#define FETCH_LEFT(v, r, at_k) \
  if (row + (r) < p.m && (at_k) < p.k) v = LD(a, a0 + (row + (r)) * p.a_row + (at_k) * p.a_col);
#define FETCH_RIGHT(v, at_k, c) \
  if (column + (c) < p.n && (at_k) < p.k) v = LD(b, b0 + (at_k) * p.b_row + (column + (c)) * p.b_col);
KERNEL(gemm_tile)
IN(STORE, 0, a)
IN(STORE, 1, b)
IN(STORE, 2, c)
OUT(STORE, 3, y)
ARGS_END
TILE_MEMORY
BODY
  const int column = GROUP_ID(0) * BN;
  const int row = GROUP_ID(1) * BM;
  int rest = GROUP_ID(2);
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
  TILE_PRODUCT(p.k)
  UNROLL for (int i = 0; i < 4; ++i) {
    UNROLL for (int j = 0; j < 4; ++j) {
      const int r = row + TILE_ROW(i);
      const int col = column + TILE_COLUMN(j);
      if (r < p.m && col < p.n) {
        float v = p.alpha * sum[i * 4 + j];
        if (HAS_C != 0) v += p.beta * LD(c, c0 + r * p.c_row + col * p.c_col);
        ST(y, y0 + r * p.n + col, activate(v, ACT, p.act_a, p.act_b));
      }
    }
  }
}
