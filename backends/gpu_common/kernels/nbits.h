// SPDX-License-Identifier: Apache-2.0
// Weights of 2, 4 or 8 bits, packed from the lowest bit on; rows begin with whole blocks, which have a scale and
// perhaps a zero point each.
#include "types.h"
CONSTANT(3, BITS, 4)
CONSTANT(4, ZEROS, 0)  // 0: half of the range, 1: packed as the weights are, 2: numbers
#define PACKED_AT(b, row, bytes, i) \
  ((LD_I(b, (row) * bytes + (i) * BITS / 8) >> ((i) * BITS % 8)) & ((1 << BITS) - 1))
#define ZERO_AT(row, block)                                                            \
  (ZEROS == 1 ? TO_FLOAT(PACKED_AT(packed_zero, row, p.zero_bytes, block))             \
              : (ZEROS == 2 ? LD(zero, (row) * p.blocks + (block)) : TO_FLOAT(1 << (BITS - 1))))
