// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Weights of 2, 4 or 8 bits as numbers: y[row][k] = (w - zero point of the block) * its scale. Bits are packed
// from the lowest on, rows begin with whole blocks.
#include "types.h"
CONSTANT(3, BITS, 4)
CONSTANT(4, ZEROS, 0)   // 0: half of the range, 1: packed as the weights are, 2: numbers
CONSTANT(5, GROUPS_, 0)  // the block of each k is given
PARAMS(int n; int k; int block; int blocks; int row_bytes; int zero_bytes;)
#define PACKED_AT(b, row, bytes, i) \
  ((LD_I(b, (row) * bytes + (i) * BITS / 8) >> ((i) * BITS % 8)) & ((1 << BITS) - 1))
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
    const int row = i / p.k;
    const int at = i % p.k;
    const int g = GROUPS_ != 0 ? min(max(groups[at], 0), p.blocks - 1) : at / p.block;
    float z = TO_FLOAT(1 << (BITS - 1));
    if (ZEROS == 1) z = TO_FLOAT(PACKED_AT(packed_zero, row, p.zero_bytes, g));
    if (ZEROS == 2) z = LD(zero, row * p.blocks + g);
    y[i] = (TO_FLOAT(PACKED_AT(w, row, p.row_bytes, at)) - z) * LD(scale, row * p.blocks + g);
  }
}
