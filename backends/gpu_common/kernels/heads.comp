// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Rows of heads, y[batch][head][row][size]: what is in the cache, then the tokens of x, then zeros. A token
// gets the bias of its projection, and a rotation of the first 2 * pairs elements by its position (RoPE,
// Su et al. 2021). The first token whose position is outside the tables lowers the fault.
#include "types.h"
#include "lengths.h"
CONSTANT(3, PACKED, 0)  // y[batch][row][head][size]
CONSTANT(4, CACHE, 0)  // 0: rows are tokens, 1: they begin with the cache, which is past, 2: and is empty
CONSTANT(5, BIAS, 0)
CONSTANT(6, ROTATE, 0)     // 1: pairs are half a rotation apart, 2: neighbours
CONSTANT(7, POSITIONS, 0)  // 0: each token's row, 1: ids of all, 2: the first's id, 3: behind the cache
CONSTANT(8, LENGTHS, 0)
CONSTANT(9, COUNTS, 0)
PARAMS(int n; int heads; int rows; int size; int tokens; int old; int x_at; int x_batch; int x_head; int x_token;
       int past_at; int bias_at; int pairs; int positions; int keys;)

#define X(e) (LD(x, at + (e)) + (BIAS != 0 ? LD(bias, p.bias_at + head * p.size + (e)) : 0.0f))

// Below n, or -1. high: the upper word of a 64-bit integer.
int position_in(int low, int high, int n) { return high == 0 && low >= 0 && low < n ? low : -1; }

KERNEL(heads)
IN(STORE, 0, x)
IN(STORE, 1, past)
IN(STORE, 2, bias)
IN(STORE, 3, cosines)
IN(STORE, 4, sines)
IN(int, 5, ids)
IN(int, 6, lengths)
IN(int, 7, counts)
OUT(STORE, 8, y)
OUT(int, 9, fault)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    const int e = i % p.size;
    const int line = i / p.size;
    const int of_batch = line / (p.heads * p.rows);
    const int head = PACKED != 0 ? line % p.heads : line / p.rows % p.heads;
    const int row = PACKED != 0 ? line / p.heads % p.rows : line % p.rows;
    REACH(of_batch, p.old, p.keys, p.tokens, first, count, keys)
    const int token = CACHE == 0 ? row : row - first;
    if (CACHE == 0) count = p.tokens;
    float v = 0.0f;
    if (token < 0) {
      if (CACHE == 1 && row < p.old) v = LD(past, p.past_at + ((of_batch * p.heads + head) * p.old + row) * p.size + e);
    } else if (token < count) {
      const int at = p.x_at + of_batch * p.x_batch + head * p.x_head + token * p.x_token;
      v = X(e);
      if (ROTATE != 0 && e < 2 * p.pairs) {
        const bool second = ROTATE == 2 ? e % 2 == 1 : e >= p.pairs;
        const int pair = ROTATE == 2 ? e / 2 : e % p.pairs;
        const int step = ROTATE == 2 ? 1 : p.pairs;
        const int other = second ? e - step : e + step;
        const int id = of_batch * p.tokens + token;
        int position = POSITIONS == 3 ? first + token : id;
        if (POSITIONS == 1) position = position_in(ids[2 * id], ids[2 * id + 1], p.positions);
        if (POSITIONS == 2) {
          const int start = position_in(ids[0], ids[1], p.positions - token);
          position = start < 0 ? start : start + token;
        }
        float turned = 0.0f;
        if (position >= 0 && position < p.positions) {
          const float sine = LD(sines, position * p.pairs + pair);
          turned = v * LD(cosines, position * p.pairs + pair) + (second ? sine : -sine) * X(other);
        } else {
          ATOMIC_MIN(fault, 0, id);
        }
        v = turned;
      }
    }
    ST(y, i, v);
  }
}
