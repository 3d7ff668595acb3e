// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// y = a w' + bias for few rows of a and weights of few bits, which are unpacked in registers: an invocation has
// ROWS results of a column. Inner dims are whole words.
#include "nbits.h"
CONSTANT(5, ROWS, 1)
CONSTANT(6, BIAS, 0)
#define PER_WORD (32 / BITS)
PARAMS(int columns; int rows; int k4; int words; int block_words; int blocks; int row_words; int zero_bytes;)
KERNEL(nbits_few)
IN(float4, 0, a)
IN(uint, 1, w)
IN(STORE, 2, scale)
IN(S_U8, 3, packed_zero)
IN(STORE, 4, zero)
IN(STORE, 5, bias)
OUT(STORE, 6, y)
ARGS_END
BODY
  const int column = GLOBAL_ID(0);
  const int first = GLOBAL_ID(1) * ROWS;
  if (column < p.columns && first < p.rows) {
    float sums[ROWS];
    UNROLL for (int r = 0; r < ROWS; ++r) sums[r] = BIAS != 0 ? LD(bias, column) : 0.0f;
    for (int g = 0; g < p.blocks; ++g) {
      const float z = ZERO_AT(column, g);
      float of_block[ROWS];
      UNROLL for (int r = 0; r < ROWS; ++r) of_block[r] = 0.0f;
      const int end = min((g + 1) * p.block_words, p.words);
      for (int i = g * p.block_words; i < end; ++i) {
        const uint word = w[column * p.row_words + i];
        UNROLL for (int v = 0; v < PER_WORD / 4; ++v) {
          const uint four = word >> (4 * BITS * v);
          const uint mask = (1u << BITS) - 1u;
          const float4 weights = FLOAT4(TO_FLOAT(four & mask) - z, TO_FLOAT((four >> BITS) & mask) - z,
                                        TO_FLOAT((four >> (2 * BITS)) & mask) - z,
                                        TO_FLOAT((four >> (3 * BITS)) & mask) - z);
          UNROLL for (int r = 0; r < ROWS; ++r)
            of_block[r] += dot(weights, a[min(first + r, p.rows - 1) * p.k4 + i * (PER_WORD / 4) + v]);
        }
      }
      const float s = LD(scale, column * p.blocks + g);
      UNROLL for (int r = 0; r < ROWS; ++r) sums[r] += of_block[r] * s;
    }
    UNROLL for (int r = 0; r < ROWS; ++r) {
      if (first + r < p.rows) ST(y, (first + r) * p.columns + column, sums[r]);
    }
  }
}
