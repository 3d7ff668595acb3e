// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// What matmul.comp computes, with the right matrix read as an image, for GPUs whose texture caches are faster
// than those of buffers: ROWS x 4 results an invocation, in registers. Rows of a lie whole, k is a multiple of
// 4. A texel is a piece of a row of b, or, BY_COLUMNS, of a column.
#include "types.h"
#include "epilogue.h"
#include "product.h"
#include "registers.h"
#include "texels.h"
CONSTANT(3, ROWS, 8)
CONSTANT(4, ACT, 0)
CONSTANT(5, HAS_C, 0)
CONSTANT(6, BY_COLUMNS, 0)
PARAMS(PRODUCT_FIELDS)
#define COLUMNS 4
#define STEP 4
#define FETCH_LEFT(v, i, at_k) SPREAD(v, 0, 1, LD4(a, at_a[i] + (at_k)))
#define FETCH_RIGHT(v, at_k)                                   \
  UNROLL for (int t = 0; t < 4; ++t) {                         \
    const float4 texel = TEXEL(b, at_b[t] + (at_k) / 4 * step); \
    if (BY_COLUMNS != 0)                                       \
      SPREAD(v, t, COLUMNS, texel)                             \
    else                                                       \
      SPREAD(v, t * COLUMNS, 1, texel)                         \
  }
KERNEL(gemm_image)
IN(STORE, 0, a)
IMAGE(1, b)
IN(STORE, 2, c)
OUT(STORE, 3, y)
ARGS_END
BODY
  const int column = GLOBAL_ID(0) * COLUMNS;
  const int row = GLOBAL_ID(1) * ROWS;
  PRODUCT_BATCH(GLOBAL_ID(2))
  if (column < p.n && row < p.m) {
    const int step = BY_COLUMNS != 0 ? 1 : p.b_row;  // texels of four rows, or of a texel
    int at_b[4];                                     // texels
    int at_a[ROWS];
    UNROLL for (int t = 0; t < 4; ++t) {
      const int col = column + t < p.n ? column + t : column;
      at_b[t] = (b0 + (BY_COLUMNS != 0 ? col * p.b_col : column + t * p.b_row)) / 4;
    }
    UNROLL for (int i = 0; i < ROWS; ++i) at_a[i] = a0 + (row + i < p.m ? row + i : row) * p.a_row;
    REGISTER_PRODUCT(p.k)
    UNROLL for (int i = 0; i < ROWS; ++i) {
      UNROLL for (int j = 0; j < COLUMNS; ++j) {
        PRODUCT_RESULT(row + i, column + j, sum[i * COLUMNS + j])
      }
    }
  }
}
