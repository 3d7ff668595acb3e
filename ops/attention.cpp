// SPDX-License-Identifier: Apache-2.0
// Attention: softmax(scale * Q K' + mask) V, with grouped heads, causal and window masks, a soft cap and
// a cache of keys and values. https://onnx.ai/onnx/operators/onnx__Attention.html
#include "attend.h"

namespace hrt::ops {
namespace {

enum : uint32_t { kQ, kK, kV, kMask, kPastKey, kPastValue, kNonpad };  // inputs

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
  const Bias bias(c, hq, total, past);
  std::vector<double> shown;
  Attend a{hq.batch, hq.heads, hk.heads, hq.sequence, total, hq.size, hv.size};
  a.scale = node.has("scale") ? node.f("scale") : 1 / std::sqrt(double(hq.size));
  a.cap = node.f("softcap", 0);
  a.bias = [&](int64_t b, int64_t h, int64_t i, int64_t j) { return bias.at(b, h, i, j); };
  if (c.wanted(3))
    a.show = [&](Attend::Stage stage, const std::vector<double>& row) {
      if (stage == mode) shown.insert(shown.end(), row.begin(), row.end());
    };
  const auto doubles = [](const std::optional<Tensor>& t) {
    return t ? to_doubles(*t) : std::vector<double>();
  };
  const auto keys = with_past(by_heads(to_doubles(k), hk), hk, doubles(past_key)),
             values = with_past(by_heads(to_doubles(v), hv), hv, doubles(past_value));
  const auto result = attend(c, a, by_heads(to_doubles(q), hq), keys, values);
  const Heads hy{hq.batch, hq.heads, hq.sequence, hv.size};
  if (hq.packed)
    write_packed(c.output(0, q.dtype(), Dims{hq.batch, hq.sequence, hq.heads * hv.size}), result, hy);
  else
    write(c.output(0, q.dtype(), Dims{hq.batch, hq.heads, hq.sequence, hv.size}), result);
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
