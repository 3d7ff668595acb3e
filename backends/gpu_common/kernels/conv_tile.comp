// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// What conv_direct.comp computes, by tiles in memory of the group.
#include "types.h"
#include "epilogue.h"
#include "gemm_tile.h"
#include "conv_window.h"
CONSTANT(5, ACT, 0)
CONSTANT(6, BIAS, 0)
CONSTANT(7, RESIDUAL, 0)
PARAMS(CONV_FIELDS)
#define FETCH_LEFT(v, r, at_k) \
  if (row + (r) < p.group_oc && (at_k) < depth) v = LD(w, (group * p.group_oc + row + (r)) * depth + (at_k));
#define FETCH_RIGHT(v, at_k, c) WINDOW_ELEMENT(v, at_k, column + (c))
KERNEL(conv_tile)
IN(STORE, 0, x)
IN(STORE, 1, w)
IN(STORE, 2, bias)
IN(STORE, 3, z)
OUT(STORE, 4, y)
ARGS_END
TILE_MEMORY
BODY
  const int column = GROUP_ID(0) * BN;
  const int row = GROUP_ID(1) * BM;
  CONV_WINDOWS(GROUP_ID(2))
  TILE_PRODUCT(depth)
  UNROLL for (int i = 0; i < 4; ++i) {
    UNROLL for (int j = 0; j < 4; ++j) {
      CONV_RESULT(row + TILE_ROW(i), column + TILE_COLUMN(j), sum[i * 4 + j])
    }
  }
}
