// SPDX-License-Identifier: Apache-2.0
#include "attend.h"

namespace hrt::ops {

std::vector<double> by_heads(const std::vector<double>& x, const Heads& h) {
  if (!h.packed) return x;
  std::vector<double> out;
  out.reserve(x.size());
  for (int64_t b = 0; b < h.batch; ++b)
    for (int64_t head = 0; head < h.heads; ++head)
      for (int64_t s = 0; s < h.sequence; ++s) {
        const auto row = x.begin() + h.at(b, head, s);
        out.insert(out.end(), row, row + h.size);
      }
  return out;
}

std::vector<double> with_past(const std::vector<double>& now, const Heads& h,
                              const std::vector<double>& past) {
  if (past.empty()) return now;
  const int64_t rows = h.batch * h.heads, old = int64_t(past.size()) / rows, fresh = h.sequence * h.size;
  std::vector<double> out;
  out.reserve(now.size() + past.size());
  for (int64_t i = 0; i < rows; ++i) {
    out.insert(out.end(), past.begin() + i * old, past.begin() + (i + 1) * old);
    out.insert(out.end(), now.begin() + i * fresh, now.begin() + (i + 1) * fresh);
  }
  return out;
}

void write(const Tensor& t, const std::vector<double>& v) {
  dispatch(Floats{}, t.dtype(), [&]<class T>() {
    for (size_t i = 0; i < v.size(); ++i) t.data<T>()[i] = T(acc_t<T>(v[i]));
  });
}

void write_packed(const Tensor& t, const std::vector<double>& v, Heads h) {
  // Back by the same walk: the packed tensor read as (batch, sequence, heads, size).
  std::swap(h.heads, h.sequence);
  h.packed = true;
  write(t, by_heads(v, h));
}

namespace {

// In place. sink: a further score, or kExcluded. A row that excludes everything becomes zero.
void softmax(std::vector<double>& row, double sink) {
  const double most = std::max(sink, *std::max_element(row.begin(), row.end()));
  double sum = most == kExcluded ? 0 : std::exp(sink - most);
  for (double& v : row) sum += v = most == kExcluded ? 0 : std::exp(v - most);
  for (double& v : row) v = sum == 0 ? 0 : v / sum;
}

}  // namespace

std::vector<double> attend(const Kernel& c, const Attend& a, const std::vector<double>& q,
                           const std::vector<double>& k, const std::vector<double>& v) {
  std::vector<double> y(size_t(a.batch * a.heads * a.queries * a.value_size)), scores(size_t(a.keys));
  const auto show = [&](Attend::Stage stage) {
    if (a.show) a.show(stage, scores);
  };
  for (int64_t bh = 0; a.keys > 0 && bh < a.batch * a.heads; ++bh) {
    const int64_t b = bh / a.heads, h = bh % a.heads, kv = b * a.kv_heads + h / (a.heads / a.kv_heads);
    c.check_cancelled();
    for (int64_t i = 0; i < a.queries; ++i) {
      const double* qi = q.data() + (bh * a.queries + i) * a.size;
      for (int64_t j = 0; j < a.keys; ++j) {
        const double* kj = k.data() + (kv * a.keys + j) * a.size;
        double dot = 0;
        for (int64_t d = 0; d < a.size; ++d) dot += qi[d] * kj[d];
        scores[size_t(j)] = dot * a.scale;
      }
      show(Attend::kScaled);
      for (double& s : scores) s = a.cap > 0 ? a.cap * std::tanh(s / a.cap) : s;
      show(Attend::kCapped);
      for (int64_t j = 0; j < a.keys; ++j) {
        const double add = a.bias(b, h, i, j);
        scores[size_t(j)] = add == kExcluded ? add : scores[size_t(j)] + add;
      }
      show(Attend::kBiased);
      softmax(scores, a.sink.empty() ? kExcluded : a.sink[size_t(h)]);
      show(Attend::kSoftmax);
      double* yi = y.data() + (bh * a.queries + i) * a.value_size;
      for (int64_t j = 0; j < a.keys; ++j) {
        const double* vj = v.data() + (kv * a.keys + j) * a.value_size;
        for (int64_t d = 0; scores[size_t(j)] != 0 && d < a.value_size; ++d)
          yi[d] += scores[size_t(j)] * vj[d];
      }
    }
  }
  return y;
}

AttentionBias::AttentionBias(const std::optional<Tensor>& t, const Attend& a) : keys_(a.keys) {
  if (!t) return;
  const auto fits = [&](int axis, int64_t n) { return t->dim(axis) == 1 || t->dim(axis) == n; };
  require(
      t->rank() == 4 && fits(0, a.batch) && fits(1, a.heads) && t->dim(2) == a.queries && t->dim(3) == a.keys,
      "attention_bias of shape ", t->dims(), " for ", Dims{a.batch, a.heads, a.queries, a.keys});
  values_ = to_doubles(*t);
  head_ = t->dim(1) == 1 ? 0 : a.queries * a.keys;
  batch_ = t->dim(0) == 1 ? 0 : t->dim(1) * a.queries * a.keys;
}

PaddingMask::PaddingMask(const std::optional<Tensor>& t, const Attend& a, double filter)
    : present_(t.has_value()), batch_(a.batch), filter_(filter) {
  if (!t) return;
  mask_ = to_int64s(*t);
  if (t->rank() == 1) {  // lengths; or ends, then starts; or lengths, then where each sequence lies
    const int64_t n = t->dim(0);
    lengths_ = true;
    starts_ = n == 2 * batch_;
    require(n == batch_ || starts_ || n == 3 * batch_ + 2, "a mask of ", n, " lengths for a batch of ",
            batch_);
    return;
  }
  by_query_ = t->rank() == 3 ? a.keys : 0;
  by_batch_ = a.keys * (t->rank() == 3 ? a.queries : 1);
  const bool fits = t->rank() == 2   ? std::ranges::equal(t->dims(), Dims{a.batch, a.keys})
                    : t->rank() == 3 ? std::ranges::equal(t->dims(), Dims{a.batch, a.queries, a.keys})
                                     : false;
  require(fits, "a mask of shape ", t->dims(), " for ", Dims{a.batch, a.queries, a.keys});
}

}  // namespace hrt::ops
