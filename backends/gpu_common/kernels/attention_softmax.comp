// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Scores of attention, in place: capped, masked, and the softmax of each row of keys. A row that sees no key
// becomes zero. SHOW keeps the scores as they are at that stage: 1 scaled, 2 capped, 3 masked, 4 softmax.
#include "types.h"
#include "rows.h"
#include "attend.h"
CONSTANT(11, SHOW, 0)
PARAMS(int rows; int shown_keys; ATTEND_PARAMS)
#define KEEP(stage, k, v) if (SHOW == stage && k < p.shown_keys) ST(shown, row * p.shown_keys + k, v);
KERNEL(attention_softmax)
OUT(float, 0, s)
IN(float, 1, mask)
IN(int, 2, padding)
IN(int, 3, lengths)
IN(int, 4, counts)
IN(float, 5, sink)
OUT(STORE, 6, shown)
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
  for (int k = lane; k < p.keys; k += LANES) {
    float v = s[base + k];
    KEEP(1, k, v)
    v = capped(v, p.cap);
    KEEP(2, k, v)
    v = k >= low && k < high ? biased(v, ADDED(item, head, query, k)) : -POSITIVE_INFINITY;
    KEEP(3, k, v)
    s[base + k] = v;
    most = max(most, v);
  }
  FOLD_LANES(folded, lane, most, max)
  const float extra = SINK == 1 ? sink[head] : (SINK == 2 ? 0.0f : -POSITIVE_INFINITY);
  most = max(most, extra);
  float sum = 0.0f;
  for (int k = lane; k < p.keys; k += LANES) {
    const float e = most == -POSITIVE_INFINITY ? 0.0f : exp(s[base + k] - most);
    s[base + k] = e;
    sum += e;
  }
  FOLD_LANES(folded, lane, sum, PLUS)
  if (SINK != 0 && most != -POSITIVE_INFINITY) sum += exp(extra - most);
  const float factor = sum == 0.0f ? 0.0f : 1.0f / sum;
  for (int k = lane; k < p.keys; k += LANES) {
    const float v = s[base + k] * factor;
    KEEP(4, k, v)
    s[base + k] = v;
  }
}
