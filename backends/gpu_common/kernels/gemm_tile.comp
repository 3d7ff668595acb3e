// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// What matmul.comp computes, by tiles in memory of the group.
#include "types.h"
#include "epilogue.h"
#include "product.h"
#include "gemm_tile.h"
CONSTANT(5, ACT, 0)
CONSTANT(6, HAS_C, 0)
PARAMS(PRODUCT_FIELDS)
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
  PRODUCT_BATCH(GROUP_ID(2))
  TILE_PRODUCT(p.k)
  UNROLL for (int i = 0; i < 4; ++i) {
    UNROLL for (int j = 0; j < 4; ++j) {
      PRODUCT_RESULT(row + TILE_ROW(i), column + TILE_COLUMN(j), sum[i * 4 + j])
    }
  }
}
