// SPDX-License-Identifier: Apache-2.0
// softmax(cap(scale Q K') + bias) V, which the attention operators of every domain share; on doubles.
#pragma once

#include <functional>
#include <limits>

#include "norm.h"

namespace hrt::ops {

// A tensor as (batch, heads, sequence, size), from that or from (batch, sequence, heads * size).
struct Heads {
  int64_t batch = 0, heads = 0, sequence = 0, size = 0;
  bool packed = false;

  int64_t at(int64_t b, int64_t h, int64_t s) const {
    return packed ? ((b * sequence + s) * heads + h) * size : ((b * heads + h) * sequence + s) * size;
  }
  int64_t count() const { return batch * heads * sequence * size; }
};

// The elements of x, which lies as h says, as (batch, heads, sequence, size).
std::vector<double> by_heads(const std::vector<double>& x, const Heads& h);
// Keys or values (batch, heads, sequence, size) behind those of the past, of the same kind; h: of now.
std::vector<double> with_past(const std::vector<double>& now, const Heads& h,
                              const std::vector<double>& past);

void write(const Tensor& t, const std::vector<double>& v);
// (batch, heads, sequence, size) as (batch, sequence, heads * size).
void write_packed(const Tensor& t, const std::vector<double>& v, Heads h);

constexpr double kExcluded = -std::numeric_limits<double>::infinity();

struct Attend {
  int64_t batch, heads, kv_heads, queries, keys, size, value_size;
  double scale = 1, cap = 0;  // no cap: 0
  // What is added to the score of query i and key j; kExcluded: the key is not seen, whatever its score.
  std::function<double(int64_t b, int64_t h, int64_t i, int64_t j)> bias = {};
  // By head, or empty: the score of one more key, whose value is zero.
  std::vector<double> sink = {};
  // Sees each row of scores as it becomes; absent: nobody does.
  enum Stage { kScaled, kCapped, kBiased, kSoftmax };
  std::function<void(Stage, const std::vector<double>& row)> show = {};
};

// q, k and v as (batch, heads, sequence, size), the result too. A row that sees no key is zero.
std::vector<double> attend(const Kernel& c, const Attend& a, const std::vector<double>& q,
                           const std::vector<double>& k, const std::vector<double>& v);

// ------------------------------------------------------------------ the operators of com.microsoft

// The optional 4-d attention_bias that broadcasts to (batch, heads, queries, keys).
class AttentionBias {
 public:
  AttentionBias(const std::optional<Tensor>& t, const Attend& a);
  double at(int64_t b, int64_t h, int64_t i, int64_t j) const {
    return values_.empty() ? 0 : values_[size_t(b * batch_ + h * head_ + i * keys_ + j)];
  }

 private:
  std::vector<double> values_;
  int64_t batch_ = 0, head_ = 0, keys_ = 0;
};

// mask_index of Attention, key_padding_mask of MultiHeadAttention: what it adds for a key that is masked.
class PaddingMask {
 public:
  PaddingMask(const std::optional<Tensor>& t, const Attend& a, double filter);
  double at(int64_t b, int64_t i, int64_t j) const { return present_ && masked(b, i, j) ? filter_ : 0; }

 private:
  bool masked(int64_t b, int64_t i, int64_t j) const {
    if (lengths_) return j >= mask_[size_t(b)] || (starts_ && j < mask_[size_t(batch_ + b)]);
    return mask_[size_t(b * by_batch_ + i * by_query_ + j)] <= 0;
  }
  Dims mask_;
  bool present_ = false, lengths_ = false, starts_ = false;
  int64_t batch_ = 0, by_batch_ = 0, by_query_ = 0;
  double filter_;
};

}  // namespace hrt::ops
