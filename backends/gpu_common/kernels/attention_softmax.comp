// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Scores of attention, in place: capped, masked, and the softmax of each row of keys, four keys at a time. A row
// that sees no key becomes zero. SHOW keeps the scores as they are at that stage: 1 scaled, 2 capped, 3 masked,
// 4 softmax.
#include "types.h"
#include "rows.h"
#include "attend.h"
CONSTANT(11, SHOW, 0)
CONSTANT(12, VECTORS, 0)  // rows are whole vectors
PARAMS(int rows; int shown_keys; ATTEND_PARAMS)
#define KEEP(stage, j, v) if (SHOW == stage && (j) < p.shown_keys) ST(shown, row * p.shown_keys + (j), v);
#define MASKED_SCORE(v, j) \
  ((j) >= low && (j) < high ? biased(v, ADDED(item, head, query, j)) : -POSITIVE_INFINITY)
#define SCALAR_AT(j) s[base + min(j, p.keys - 1)]
#define LOAD_FOUR(v, j)                                                                            \
  if (VECTORS != 0) {                                                                              \
    const float4 four_ = s4[(base + (j)) / 4];                                                     \
    v[0] = four_.x;                                                                                \
    v[1] = four_.y;                                                                                \
    v[2] = four_.z;                                                                                \
    v[3] = four_.w;                                                                                \
  } else {                                                                                         \
    UNROLL for (int c_ = 0; c_ < 4; ++c_) v[c_] = SCALAR_AT((j) + c_);                             \
  }
#define STORE_FOUR(v, j)                                                                           \
  if (VECTORS != 0) {                                                                              \
    s4[(base + (j)) / 4] = FLOAT4(v[0], v[1], v[2], v[3]);                                         \
  } else {                                                                                         \
    UNROLL for (int c_ = 0; c_ < 4; ++c_) {                                                        \
      if ((j) + c_ < p.keys) s[base + (j) + c_] = v[c_];                                           \
    }                                                                                              \
  }

KERNEL(attention_softmax)
OUT(float, 0, s)
IN(float, 1, mask)
IN(int, 2, padding)
IN(int, 3, lengths)
IN(int, 4, counts)
IN(float, 5, sink)
OUT(STORE, 6, shown)
OUT(float4, 7, s4)
ARGS_END
SHARED(float, folded, MOST_LANES)
BODY
  const int row = ROW;
  const int lane = LANE;
  if (row >= p.rows) return;
  const int base = row * p.keys;
  const int query = row % p.queries;
  const int head = row / p.queries % p.heads;
  const int item = row / (p.queries * p.heads);
  ATTEND_RANGE(item, query, low, high)
  float most = -POSITIVE_INFINITY;
  for (int k = lane * 4; k < p.keys; k += LANES * 4) {
    float v[4];
    LOAD_FOUR(v, k)
    UNROLL for (int c = 0; c < 4; ++c) most = max(most, MASKED_SCORE(capped(v[c], p.cap), k + c));
  }
  FOLD_LANES(folded, lane, most, max)
  const float extra = SINK == 1 ? sink[head] : (SINK == 2 ? 0.0f : -POSITIVE_INFINITY);
  most = max(most, extra);
  const bool sees = most != -POSITIVE_INFINITY;
  float sum = 0.0f;
  for (int k = lane * 4; k < p.keys; k += LANES * 4) {
    float v[4];
    LOAD_FOUR(v, k)
    UNROLL for (int c = 0; c < 4; ++c) {
      KEEP(1, k + c, v[c])
      v[c] = capped(v[c], p.cap);
      KEEP(2, k + c, v[c])
      v[c] = MASKED_SCORE(v[c], k + c);
      KEEP(3, k + c, v[c])
      v[c] = sees ? exp(v[c] - most) : 0.0f;
      if (k + c < p.keys) sum += v[c];
    }
    STORE_FOUR(v, k)
  }
  FOLD_LANES(folded, lane, sum, PLUS)
  if (SINK != 0 && sees) sum += exp(extra - most);
  const float factor = sum == 0.0f ? 0.0f : 1.0f / sum;
  for (int k = lane * 4; k < p.keys; k += LANES * 4) {
    float v[4];
    LOAD_FOUR(v, k)
    UNROLL for (int c = 0; c < 4; ++c) {
      v[c] *= factor;
      KEEP(4, k + c, v[c])
    }
    STORE_FOUR(v, k)
  }
}
