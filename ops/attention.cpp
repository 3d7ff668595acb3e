// SPDX-License-Identifier: Apache-2.0
// Attention: softmax(scale * Q K' + mask) V, with grouped heads, causal and window masks, a soft cap and
// a cache of keys and values. https://onnx.ai/onnx/operators/onnx__Attention.html
#include "norm.h"

namespace hrt::ops {
namespace {

enum : uint32_t { kQ, kK, kV, kMask, kPastKey, kPastValue, kNonpad };  // inputs

// A tensor as (batch, heads, sequence, size), from that or from (batch, sequence, heads * size).
struct Heads {
  int64_t batch = 0, heads = 0, sequence = 0, size = 0;
  bool packed = false;

  int64_t at(int64_t b, int64_t h, int64_t s) const {
    return packed ? ((b * sequence + s) * heads + h) * size : ((b * heads + h) * sequence + s) * size;
  }
};

// infer: NULL in a kernel, where all dims are numbers.
Heads heads_of(const Node& node, std::span<const int64_t> x, const char* attr, const Infer* infer) {
  if (x.size() == 4) return {x[0], x[1], x[2], x[3], false};
  require(x.size() == 3, "Q, K and V need rank 3 or 4, not ", x.size());
  const int64_t heads = node.i(attr);
  require(heads > 0 && heads <= INT32_MAX, attr, " is ", heads);
  require(!is_number(x[2]) || x[2] % heads == 0, "a hidden size of ", x[2], " for ", heads, " heads");
  const int64_t size = is_number(x[2]) ? x[2] / heads : x[2] == HRT_DIM_UNKNOWN ? x[2] : infer->symbol();
  return {x[0], heads, x[1], size, true};
}

void infer(const Infer& c) {
  const auto q = c.dims(kQ), k = c.dims(kK), v = c.dims(kV), past = c.dims(kPastKey);
  const uint32_t outputs = std::min(c.output_count(), 4u);
  if (!q || !k || !v || (c.has(kPastKey) && !past)) {
    for (uint32_t i = 0; i < outputs; ++i) c.output(i, TensorType(c.dtype(i == 2 ? kV : kQ)));
    return;
  }
  const Heads hq = heads_of(c.node(), *q, "q_num_heads", &c), hk = heads_of(c.node(), *k, "kv_num_heads", &c),
              hv = heads_of(c.node(), *v, "kv_num_heads", &c);
  require(!past || past->size() == 4, "past_key does not have rank 4");
  const int64_t total = past ? c.add((*past)[2], hk.sequence) : hk.sequence;
  c.output(0, hq.packed ? TensorType(c.dtype(kQ), {hq.batch, hq.sequence, c.mul(hv.size, hq.heads)})
                        : TensorType(c.dtype(kQ), {hq.batch, hq.heads, hq.sequence, hv.size}));
  if (outputs > 1) c.output(1, TensorType(c.dtype(kQ), {hq.batch, hk.heads, total, hk.size}));
  if (outputs > 2) c.output(2, TensorType(c.dtype(kV), {hq.batch, hk.heads, total, hv.size}));
  if (outputs > 3) c.output(3, TensorType(c.dtype(kQ), {hq.batch, hq.heads, hq.sequence, total}));
}

// Keys or values behind those of the past, as (batch, heads, total, size).
std::vector<double> with_past(const Tensor& x, const Heads& h, const std::optional<Tensor>& past,
                              int64_t total) {
  const auto now = to_doubles(x), before = past ? to_doubles(*past) : std::vector<double>{};
  const int64_t old = total - h.sequence;
  std::vector<double> out;
  out.reserve(now.size() + before.size());
  for (int64_t b = 0; b < h.batch; ++b)
    for (int64_t head = 0; head < h.heads; ++head) {
      const auto first = before.begin() + (b * h.heads + head) * old * h.size;
      out.insert(out.end(), first, first + old * h.size);
      for (int64_t s = 0; s < h.sequence; ++s) {
        const auto row = now.begin() + h.at(b, head, s);
        out.insert(out.end(), row, row + h.size);
      }
    }
  return out;
}

void write(const Tensor& t, const std::vector<double>& v) {
  dispatch(Floats{}, t.dtype(), [&]<class T>() {
    for (size_t i = 0; i < v.size(); ++i) t.data<T>()[i] = T(acc_t<T>(v[i]));
  });
}

constexpr double kExcluded = -std::numeric_limits<double>::infinity();

// What is added to the score of query i and key j: minus infinity where the key is not seen.
class Bias {
 public:
  Bias(const Kernel& c, const Heads& q, int64_t total, int64_t past)
      : causal_(c.node().i("is_causal") != 0),
        left_(c.node().i("left_window_size", -1)),
        right_(c.node().i("right_window_size", -1)),
        offset_(size_t(q.batch), past),
        keys_(size_t(q.batch), total) {
    require(left_ >= -1 && right_ >= -1, "window sizes of ", left_, " and ", right_);
    if (const auto t = c.optional(kMask)) read_mask(*t, Dims{q.batch, q.heads, q.sequence}, total);
    if (const auto t = c.optional(kNonpad)) {
      require(t->rank() == 1 && t->dim(0) == q.batch,
              "nonpad_kv_seqlen does not have one entry per batch item");
      require(!c.has(kPastKey), "nonpad_kv_seqlen and past_key exclude each other");
      keys_ = to_int64s(*t);
      for (size_t b = 0; b < keys_.size(); ++b) {
        require(keys_[b] >= 0 && keys_[b] <= total, "nonpad_kv_seqlen is ", keys_[b], " of ", total);
        offset_[b] = keys_[b] - q.sequence;
      }
    }
  }
  double at(int64_t b, int64_t h, int64_t i, int64_t j) const {
    const int64_t p = offset_[size_t(b)] + i;  // the query's own position among the keys
    if (j >= keys_[size_t(b)] || (causal_ && j > p)) return kExcluded;
    if ((left_ >= 0 && j < p - left_) || (right_ >= 0 && p + right_ < j)) return kExcluded;
    if (!masked_) return 0;
    return j < width_ ? mask_[size_t(b * strides_[0] + h * strides_[1] + i * strides_[2] + j)] : kExcluded;
  }

 private:
  void read_mask(const Tensor& t, const Dims& outer, int64_t total) {
    require(t.rank() >= 1 && t.rank() <= 4, "attn_mask has rank ", t.rank());
    width_ = t.dim(t.rank() - 1);
    const auto rows = t.dims().first(size_t(t.rank()) - 1);
    require(width_ <= total && std::ranges::equal(broadcast(outer, rows), outer), "attn_mask of shape ",
            t.dims(), " for ", outer, " and ", total, " keys");
    strides_ = broadcast_strides(rows, outer);
    for (int64_t& s : strides_) s *= width_;
    using Types = TypeList<bool, float, double, float16, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t,
                           uint16_t, uint32_t, uint64_t>;
    dispatch(Types{}, t.dtype(), [&]<class T>() {
      for (T v : t.span<T>()) mask_.push_back(std::is_same_v<T, bool> ? (v ? 0.0 : kExcluded) : double(v));
    });
    masked_ = true;
  }

  bool causal_;
  int64_t left_, right_;
  Dims offset_;  // of the first query, per batch item
  Dims keys_;    // that are not padding, per batch item
  bool masked_ = false;
  std::vector<double> mask_;
  Dims strides_;       // by batch, head, query
  int64_t width_ = 0;  // keys that the mask has an entry for
};

// In place; a row that excludes every key becomes zero.
void softmax(std::vector<double>& row) {
  const double most = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (double& v : row) sum += v = most == kExcluded ? 0 : std::exp(v - most);
  for (double& v : row) v = sum == 0 ? 0 : v / sum;
}

void compute(const Kernel& c) {
  const Tensor q = c.input(kQ), k = c.input(kK), v = c.input(kV);
  const auto past_key = c.optional(kPastKey), past_value = c.optional(kPastValue);
  const Node& node = c.node();
  const Heads hq = heads_of(node, q.dims(), "q_num_heads", nullptr),
              hk = heads_of(node, k.dims(), "kv_num_heads", nullptr),
              hv = heads_of(node, v.dims(), "kv_num_heads", nullptr);
  require(hk.batch == hq.batch && hv.batch == hq.batch && hk.sequence == hv.sequence &&
              hk.heads == hv.heads && hk.size == hq.size && hk.heads > 0 && hq.heads % hk.heads == 0,
          "Q, K and V of shapes ", q.dims(), ", ", k.dims(), " and ", v.dims());
  require(past_key.has_value() == past_value.has_value(), "past_key and past_value go together");
  const int64_t past = past_key && past_key->rank() == 4 ? past_key->dim(2) : 0, total = past + hk.sequence;
  require(!past_key || (std::ranges::equal(past_key->dims(), Dims{hk.batch, hk.heads, past, hk.size}) &&
                        std::ranges::equal(past_value->dims(), Dims{hv.batch, hv.heads, past, hv.size})),
          "past_key and past_value do not fit K and V");
  const int64_t mode = node.i("qk_matmul_output_mode");
  require(mode >= 0 && mode <= 3, "qk_matmul_output_mode is ", mode);
  const double scale = node.has("scale") ? node.f("scale") : 1 / std::sqrt(double(hq.size));
  const double cap = node.f("softcap", 0);

  const Bias bias(c, hq, total, past);
  const auto queries = to_doubles(q), keys = with_past(k, hk, past_key, total),
             values = with_past(v, hv, past_value, total);
  const Dims out = hq.packed ? Dims{hq.batch, hq.sequence, hq.heads * hv.size}
                             : Dims{hq.batch, hq.heads, hq.sequence, hv.size};
  const Tensor y = c.output(0, q.dtype(), out);
  std::vector<double> result(size_t(y.size())), shown, scores(static_cast<size_t>(total));
  const Heads hy{hq.batch, hq.heads, hq.sequence, hv.size, hq.packed};
  const auto show = [&](int64_t stage) {  // keeps the scores as they are at the stage that output 3 shows
    if (stage == mode && c.wanted(3)) shown.insert(shown.end(), scores.begin(), scores.end());
  };
  for (int64_t b = 0; total > 0 && b < hq.batch; ++b)
    for (int64_t h = 0; h < hq.heads; ++h) {
      const int64_t kv = b * hk.heads + h / (hq.heads / hk.heads);
      c.check_cancelled();
      for (int64_t i = 0; i < hq.sequence; ++i) {
        const double* qi = queries.data() + hq.at(b, h, i);
        for (int64_t j = 0; j < total; ++j) {
          const double* kj = keys.data() + (kv * total + j) * hk.size;
          double dot = 0;
          for (int64_t d = 0; d < hk.size; ++d) dot += qi[d] * kj[d];
          scores[size_t(j)] = dot * scale;
        }
        show(0);
        for (double& s : scores) s = cap > 0 ? cap * std::tanh(s / cap) : s;
        show(1);
        for (int64_t j = 0; j < total; ++j) {
          const double add = bias.at(b, h, i, j);  // excluded keys are, whatever their score
          scores[size_t(j)] = add == kExcluded ? add : scores[size_t(j)] + add;
        }
        show(2);
        softmax(scores);
        show(3);
        double* yi = result.data() + hy.at(b, h, i);
        for (int64_t j = 0; j < total; ++j) {
          const double* vj = values.data() + (kv * total + j) * hv.size;
          for (int64_t d = 0; scores[size_t(j)] != 0 && d < hv.size; ++d) yi[d] += scores[size_t(j)] * vj[d];
        }
      }
    }
  write(y, result);
  if (c.wanted(1)) write(c.output(1, q.dtype(), Dims{hk.batch, hk.heads, total, hk.size}), keys);
  if (c.wanted(2)) write(c.output(2, v.dtype(), Dims{hk.batch, hk.heads, total, hv.size}), values);
  if (c.wanted(3)) write(c.output(3, q.dtype(), Dims{hq.batch, hq.heads, hq.sequence, total}), shown);
}

const Register attention(Op{
    .name = "Attention",
    .since = 25,
    .doc = "softmax(scale * Q K' + mask) V",
    .inputs = {{"Q", "T1"},
               {"K", "T1"},
               {"V", "T2"},
               {"attn_mask", "U", HRT_PARAM_OPTIONAL},
               {"past_key", "T1", HRT_PARAM_OPTIONAL},
               {"past_value", "T2", HRT_PARAM_OPTIONAL},
               {"nonpad_kv_seqlen", "int64", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T1"},
                {"present_key", "T1", HRT_PARAM_OPTIONAL},
                {"present_value", "T2", HRT_PARAM_OPTIONAL},
                {"qk_matmul_output", "T1", HRT_PARAM_OPTIONAL}},
    .attrs = {{"is_causal", HRT_ATTR_INT, "0"},
              {"kv_num_heads", HRT_ATTR_INT},
              {"left_window_size", HRT_ATTR_INT, "-1"},
              {"q_num_heads", HRT_ATTR_INT},
              {"qk_matmul_output_mode", HRT_ATTR_INT, "0"},
              {"right_window_size", HRT_ATTR_INT, "-1"},
              {"scale", HRT_ATTR_FLOAT},
              {"softcap", HRT_ATTR_FLOAT, "0"},
              {"softmax_precision", HRT_ATTR_INT}},
    .types = {{"T1", kFloat}, {"T2", kFloat}, {"U", kNumber | kBool}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
