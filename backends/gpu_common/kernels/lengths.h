// SPDX-License-Identifier: Apache-2.0
// How far a sequence of a batch reaches, for kernels of attention. LENGTHS says who knows:
//   0: all of `keys` are there, the first of `tokens` queries behind `past` of them
//   1: lengths has the number of keys, as 64-bit integers; the last query is at the last key
//   2: lengths has the place of the last key, counts (where COUNTS is set) the number of tokens, else all
// Lengths that do not fit the buffers, which check_lengths.comp reports, are cut.
#define REACH(b, past, keys, tokens, first_, count_, keys_)                                        \
  int first_ = past;                                                                               \
  int count_ = tokens;                                                                             \
  int keys_ = keys;                                                                                \
  if (LENGTHS == 1) {                                                                              \
    keys_ = min(max(lengths[2 * (b)], 0), keys);                                                   \
    first_ = keys_ - tokens;                                                                       \
  }                                                                                                \
  if (LENGTHS == 2) {                                                                              \
    keys_ = min(max(lengths[b], 0), keys - 1) + 1;                                                 \
    count_ = min(tokens, keys_);                                                                   \
    if (COUNTS != 0) count_ = min(max(counts[b], 0), count_);                                      \
    first_ = keys_ - count_;                                                                       \
  }
