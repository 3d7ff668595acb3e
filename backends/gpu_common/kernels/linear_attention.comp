// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Attention by a recurrent state, S += k (x) change, read as scale * q S, token by token: an invocation has a
// column of the state of one head, for the tokens from first to before last. GATED: S decays first; DELTA: change is beta (v - k S), else v.
#include "types.h"
CONSTANT(3, GATED, 0)  // 1: a gate for each head, 2: for each row of its state
CONSTANT(4, DELTA, 0)  // 1: a beta for all heads, 2: for each
PARAMS(int n; int tokens; int first; int last; int heads; int group; int keys; int values; float scale;)
#define SHARE (GATED == 2 ? exp(LD(decay, (of_token * p.heads + head) * p.keys + i)) : share)
KERNEL(linear_attention)
IN(STORE, 0, q)
IN(STORE, 1, k)
IN(STORE, 2, v)
IN(STORE, 3, decay)
IN(STORE, 4, beta)
OUT(float, 5, state)
OUT(STORE, 6, y)
ARGS_END
BODY
  const int id = LINEAR_ID();
  if (id < p.n) {
    const int j = id % p.values;
    const int head = id / p.values % p.heads;
    const int item = id / p.values / p.heads;
    const int of_state = (item * p.heads + head) * p.keys * p.values + j;
    for (int t = p.first; t < p.last; ++t) {
      const int of_token = item * p.tokens + t;
      const int of_key = (of_token * p.heads + head) * p.keys;
      float change = LD(v, (of_token * p.heads + head) * p.values + j);
      const float share = GATED == 1 ? exp(LD(decay, of_token * p.heads + head)) : 1.0f;
      if (DELTA != 0) {
        float known = 0.0f;
        for (int i = 0; i < p.keys; ++i) known += state[of_state + i * p.values] * SHARE * LD(k, of_key + i);
        change = LD(beta, DELTA == 1 ? of_token : of_token * p.heads + head) * (change - known);
      }
      for (int i = 0; i < p.keys; ++i) {
        const int at = of_state + i * p.values;
        state[at] = state[at] * SHARE + LD(k, of_key + i) * change;
      }
      for (int g = 0; g < p.group; ++g) {
        const int of_query = (of_token * p.heads + head) * p.group + g;
        float sum = 0.0f;
        for (int i = 0; i < p.keys; ++i) sum += LD(q, of_query * p.keys + i) * state[of_state + i * p.values];
        ST(y, of_query * p.values + j, p.scale * sum);
      }
    }
  }
}
