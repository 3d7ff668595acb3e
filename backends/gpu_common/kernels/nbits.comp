// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Weights of few bits as numbers, turned for a product: y[k][row] = (w[row][k] - zero point) * scale of the block.
#include "nbits.h"
CONSTANT(5, GROUPED, 0)  // the block of each k is given
PARAMS(int n; int rows; int block; int blocks; int row_bytes; int zero_bytes;)
KERNEL(nbits)
IN(S_U8, 0, w)
IN(STORE, 1, scale)
IN(S_U8, 2, packed_zero)
IN(STORE, 3, zero)
IN(int, 4, groups)
OUT(float, 5, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    const int row = i % p.rows;
    const int k = i / p.rows;
    const int g = GROUPED != 0 ? min(max(groups[k], 0), p.blocks - 1) : k / p.block;
    const float v = TO_FLOAT(PACKED_AT(w, row, p.row_bytes, k));
    y[i] = (v - ZERO_AT(row, g)) * LD(scale, row * p.blocks + g);
  }
}
