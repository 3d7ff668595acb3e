// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Attention without all scores at once: the softmax runs along with the keys (Milakov and Gimelshein 2018, Dao
// et al. 2022). An invocation has QUERIES queries of a head and VALUES vectors of their results in registers;
// KEYS keys at a time, so that a load of a query or a key serves several products. Operands are rows of whole
// vectors, strides count them.
#include "types.h"
#include "attend.h"
#define KEYS 4
CONSTANT(3, QUERIES, 4)
CONSTANT(11, VALUES, 16)
CONSTANT(12, STEP, 1)  // vectors of a query in a turn; a divisor of them
PARAMS(ATTEND_PARAMS int blocks; int group; int vectors; int q_batch; int q_head; int q_token; int k_batch;
       int k_head; int k_token; int v_batch; int v_head; int v_token; int y_head; int y_token; int value_size;
       float scale;)

KERNEL(attention)
IN(float4, 0, q)
IN(float4, 1, k)
IN(float4, 2, v)
IN(float, 3, mask)
IN(int, 4, padding)
IN(int, 5, lengths)
IN(int, 6, counts)
IN(float, 7, sink)
OUT(STORE, 8, y)
ARGS_END
BODY
  const int id = LINEAR_ID();
  const int head = id / p.blocks % p.heads;
  const int item = id / p.blocks / p.heads;
  const int first_value = GLOBAL_ID(2) * VALUES;
  if (item < p.batch) {
    float4 sum[QUERIES * VALUES];
    float most[QUERIES];
    float total[QUERIES];
    int at_q[QUERIES];
    int lows[QUERIES];
    int highs[QUERIES];
    int begin = p.keys;
    int end = 0;
    const int block = id % p.blocks * QUERIES;
    UNROLL for (int i = 0; i < QUERIES * VALUES; ++i) sum[i] = FLOAT4(0.0f, 0.0f, 0.0f, 0.0f);
    UNROLL for (int i = 0; i < QUERIES; ++i) {
      const int query = min(block + i, p.queries - 1);
      ATTEND_RANGE(item, query, low, high)
      lows[i] = low;
      highs[i] = high;
      begin = min(begin, low);
      end = max(end, high);
      at_q[i] = item * p.q_batch + head * p.q_head + query * p.q_token;
      most[i] = SINK == 1 ? sink[head] : (SINK == 2 ? 0.0f : -POSITIVE_INFINITY);
      total[i] = SINK != 0 ? 1.0f : 0.0f;
    }
    const int of_keys = item * p.k_batch + head / p.group * p.k_head;
    const int of_values = item * p.v_batch + head / p.group * p.v_head + first_value;
    const int last_value = (p.value_size + 3) / 4 - 1 - first_value;
    for (int key = begin; key < end; key += KEYS) {
      float s[QUERIES * KEYS];
      UNROLL for (int i = 0; i < QUERIES * KEYS; ++i) s[i] = 0.0f;
      for (int d = 0; d < p.vectors; d += STEP) {
        UNROLL for (int u = 0; u < STEP; ++u) {
          float4 right[KEYS];
          UNROLL for (int c = 0; c < KEYS; ++c) right[c] = k[of_keys + min(key + c, end - 1) * p.k_token + d + u];
          UNROLL for (int i = 0; i < QUERIES; ++i) {
            const float4 left = q[at_q[i] + d + u];
            UNROLL for (int c = 0; c < KEYS; ++c) s[i * KEYS + c] += dot(left, right[c]);
          }
        }
      }
      UNROLL for (int i = 0; i < QUERIES; ++i) {
        const int query = min(block + i, p.queries - 1);
        float now = most[i];
        UNROLL for (int c = 0; c < KEYS; ++c) {
          const int j = key + c;
          float score = -POSITIVE_INFINITY;
          if (j >= lows[i] && j < highs[i])
            score = biased(capped(s[i * KEYS + c] * p.scale, p.cap), ADDED(item, head, query, j));
          s[i * KEYS + c] = score;
          now = max(now, score);
        }
        const float factor = most[i] == -POSITIVE_INFINITY ? 0.0f : exp(most[i] - now);
        most[i] = now;
        total[i] *= factor;
        UNROLL for (int c = 0; c < KEYS; ++c) {
          const float score = s[i * KEYS + c];
          const float weight = score == -POSITIVE_INFINITY ? 0.0f : exp(score - now);
          s[i * KEYS + c] = weight;
          total[i] += weight;
        }
        UNROLL for (int t = 0; t < VALUES; ++t) sum[i * VALUES + t] *= factor;
      }
      UNROLL for (int c = 0; c < KEYS; ++c) {
        const int row = of_values + min(key + c, end - 1) * p.v_token;
        UNROLL for (int t = 0; t < VALUES; ++t) {
          const float4 right = v[row + min(t, last_value)];
          UNROLL for (int i = 0; i < QUERIES; ++i) sum[i * VALUES + t] += s[i * KEYS + c] * right;
        }
      }
    }
    UNROLL for (int i = 0; i < QUERIES; ++i) {
      const int query = block + i;
      const float factor = total[i] == 0.0f ? 0.0f : 1.0f / total[i];
      const int at = item * p.heads * p.queries * p.value_size + head * p.y_head + query * p.y_token;
      UNROLL for (int t = 0; t < VALUES; ++t) {
        const float4 r = sum[i * VALUES + t] * factor;
        const int e = (first_value + t) * 4;
        if (query < p.queries) {
          if (e < p.value_size) ST(y, at + e, r.x);
          if (e + 1 < p.value_size) ST(y, at + e + 1, r.y);
          if (e + 2 < p.value_size) ST(y, at + e + 2, r.z);
          if (e + 3 < p.value_size) ST(y, at + e + 3, r.w);
        }
      }
    }
  }
}
