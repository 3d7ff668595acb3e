// SPDX-License-Identifier: Apache-2.0
// What kernels of attention do to the score of a query and a key: cap, mask, window, padding. Query i of head
// h and batch item b sees the keys from `low` to below `high`; ADDED is what a key's score gets on top.
#include "lengths.h"
CONSTANT(4, LENGTHS, 0)
CONSTANT(5, COUNTS, 0)
CONSTANT(6, CAUSAL, 0)
CONSTANT(7, MASK, 0)     // 1: added, 2: keys where it is not zero are seen
CONSTANT(8, PADDING, 0)  // 1: keys from padding[b] on, 2: and those before padding[batch + b], 3: not positive
CONSTANT(9, CAP, 0)
CONSTANT(10, SINK, 0)  // one more score without a value: 1: of the head, 2: zero
#define ATTEND_PARAMS                                                                               \
  int queries; int heads; int keys; int past; int left; int right; int mask_batch; int mask_head;   \
  int mask_query; int mask_keys; int pad_batch; int pad_query; int batch; float cap; float filter_;
#define ATTEND_RANGE(b, i, low, high)                                             \
  REACH(b, p.past, p.keys, p.queries, first_query, query_count, high)             \
  int low = 0;                                                                    \
  const int place = first_query + (i);                                            \
  if (CAUSAL != 0) high = min(high, place + 1);                                   \
  if (p.left >= 0) low = max(low, place - p.left);                                \
  if (p.right >= 0) high = min(high, place + p.right + 1);                        \
  if (MASK != 0) high = min(high, p.mask_keys);                                   \
  high = max(high, 0);
#define HIDDEN(b, i, j)                                                                             \
  (PADDING == 3 ? padding[(b) * p.pad_batch + (i) * p.pad_query + (j)] <= 0                         \
                : (PADDING != 0 && ((j) >= padding[b] || (PADDING == 2 && (j) < padding[p.batch + (b)]))))
#define MASKED(v) (MASK == 2 ? ((v) != 0.0f ? 0.0f : -POSITIVE_INFINITY) : (v))
#define ADDED(b, h, i, j)                                                                           \
  ((MASK != 0 ? MASKED(mask[(b) * p.mask_batch + (h) * p.mask_head + (i) * p.mask_query + (j)]) : 0.0f) + \
   (HIDDEN(b, i, j) ? p.filter_ : 0.0f))

float capped(float s, float cap) {
  if (CAP == 0) return s;
  const float e = exp(-2.0f * FABS(s / cap));
  const float t = cap * ((1.0f - e) / (1.0f + e));
  return s < 0.0f ? -t : t;
}

// A key that is excluded stays so, whatever its score.
float biased(float s, float added) { return added == -POSITIVE_INFINITY ? added : s + added; }
