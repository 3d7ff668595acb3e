// SPDX-License-Identifier: Apache-2.0
// The core of the attention operators: Y = softmax(cap(scale Q K') + additions) V for every head, in one pass
// over the keys that keeps a maximum and a sum for each query (M. Milakov, N. Gimelshein, "Online normalizer
// calculation for softmax", 2018; T. Dao et al., "FlashAttention", 2022), so that the scores of a block of
// queries and keys never leave the cache. Both products run on the register tile.
#pragma once

#include <array>

#include "backends/cpu/op.h"

namespace hrt::cpu {

// Rows by batch item and head, in floats.
template <class T>
struct HeadRows {
  T* p = nullptr;
  int64_t batch = 0, head = 0, row = 0;
  T* at(int64_t b, int64_t h, int64_t i) const { return p + b * batch + h * head + i * row; }
};
using ConstRows = HeadRows<const float>;

// Strides of (batch, heads, sequence, size), or of (batch, sequence, heads * size), one after the other.
template <class T>
HeadRows<T> by_heads(T* p, int64_t heads, int64_t sequence, int64_t size) {
  return {p, heads * sequence * size, sequence * size, size};
}
template <class T>
HeadRows<T> by_tokens(T* p, int64_t heads, int64_t sequence, int64_t size) {
  return {p, heads * sequence * size, size, heads * size};
}

// What is added to scores after the cap: minus infinity excludes a key whatever its score. A row has `width`
// entries; keys beyond are excluded.
struct Addition {
  ConstRows rows;  // no p: nothing
  int64_t width = 0;
};

struct AttendShape {
  int64_t batch = 0, heads = 0, kv_heads = 0, queries = 0, keys = 0, size = 0, value_size = 0;
  int64_t past = 0;               // keys that come from the first of the two sources
  float scale = 1, cap = 0;       // no cap: 0
  bool causal = false;            // the query at position p sees keys up to p
  int64_t left = -1, right = -1;  // and those from p - left to p + right; negative: no bound
  size_t workspace() const;       // bytes
};

struct AttendOperands {
  ConstRows q;
  std::array<ConstRows, 2> k, v;  // of the past, which may be absent, and behind it
  HeadRows<float> y;
  std::array<Addition, 2> add = {};
  // By batch item; NULL: all keys, and the query 0 at position `past`. Keys must be <= those of the shape.
  const int64_t* keys = nullptr;
  const int64_t* position = nullptr;
  const float* sink = nullptr;  // by head: the score of one more key, whose value is zero
};

// y must not lie on other operands. Non-finite values of keys that are excluded may reach the result.
void attend(const AttendShape& s, const AttendOperands& o, std::byte* workspace);

// to = rows of the past, then rows behind it, for all batch items and heads: what `present` outputs hold.
void copy_rows(const std::array<ConstRows, 2>& from, int64_t past, int64_t total, int64_t batch,
               int64_t heads, int64_t size, const HeadRows<float>& to);

}  // namespace hrt::cpu
