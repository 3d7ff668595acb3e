// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Any product of strided, broadcast matrices: y = act(alpha a b + beta c). Each invocation has a tile of
// ROWS x COLUMNS results in registers; neighbours have neighbouring columns. What no faster kernel takes.
#include "types.h"
#include "epilogue.h"
#include "product.h"
#include "registers.h"
CONSTANT(3, ROWS, 4)
CONSTANT(4, COLUMNS, 1)
CONSTANT(5, ACT, 0)
CONSTANT(6, HAS_C, 0)
PARAMS(PRODUCT_FIELDS)
#define STEP 1
#define FETCH_LEFT(v, i, at_k) v[0] = LD(a, at_a[i] + (at_k) * p.a_col);
#define FETCH_RIGHT(v, at_k) \
  UNROLL for (int j = 0; j < COLUMNS; ++j) v[j] = LD(b, at_b[j] + (at_k) * p.b_row);
KERNEL(matmul)
IN(STORE, 0, a)
IN(STORE, 1, b)
IN(STORE, 2, c)
OUT(STORE, 3, y)
ARGS_END
BODY
  const int column = GROUP_ID(0) * GROUP_SIZE(0) * COLUMNS + LOCAL_ID(0);
  const int row = GLOBAL_ID(1) * ROWS;
  PRODUCT_BATCH(GLOBAL_ID(2))
  if (column < p.n && row < p.m) {
    int at_b[COLUMNS];
    int at_a[ROWS];
    UNROLL for (int j = 0; j < COLUMNS; ++j) {
      const int col = column + j * GROUP_SIZE(0);
      at_b[j] = b0 + (col < p.n ? col : column) * p.b_col;
    }
    UNROLL for (int i = 0; i < ROWS; ++i) at_a[i] = a0 + (row + i < p.m ? row + i : row) * p.a_row;
    REGISTER_PRODUCT(p.k)
    UNROLL for (int i = 0; i < ROWS; ++i) {
      UNROLL for (int j = 0; j < COLUMNS; ++j) {
        PRODUCT_RESULT(row + i, column + j * GROUP_SIZE(0), sum[i * COLUMNS + j])
      }
    }
  }
}
