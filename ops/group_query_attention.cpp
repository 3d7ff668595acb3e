// SPDX-License-Identifier: Apache-2.0
// com.microsoft.GroupQueryAttention: causal attention over a cache of keys and values that it extends, in
// which heads of queries share those of keys, with rotary embedding.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.GroupQueryAttention
#include "attend.h"
#include "elements.h"
#include "rotary.h"

namespace hrt::ops {
namespace {

enum : uint32_t {
  kQuery,
  kKey,
  kValue,
  kPastKey,
  kPastValue,
  kLengths,
  kTotal,
  kCos,
  kSin,
  kPositions,
  kAttentionBias,
  kSink,
  kKeyScale,
  kValueScale,
  kQueryNorm,
  kKeyNorm,
  kQueryLengths
};

struct Shape {
  int64_t batch, sequence, heads, kv_heads, size;
  bool packed;  // keys and values behind the queries
};

Shape shape_of(const Node& node, const Dims& q, const std::optional<Dims>& k) {
  const int64_t heads = node.i("num_heads"), kv_heads = node.i("kv_num_heads");
  require(heads > 0 && kv_heads > 0 && heads <= INT32_MAX && heads % kv_heads == 0, "num_heads is ", heads,
          ", kv_num_heads ", kv_heads);
  require(q.size() == 3 && (!k || k->size() == 3), "query and key do not have rank 3");
  const int64_t parts = k ? heads : heads + 2 * kv_heads;
  require(!is_number(q[2]) || q[2] % parts == 0, "a hidden size of ", q[2], " for ", parts, " heads");
  return {q[0], q[1], heads, kv_heads, is_number(q[2]) ? q[2] / parts : HRT_DIM_UNKNOWN, !k};
}

void refuse(const Node& node) {
  if (node.i("sliding_window_cache")) unsupported("attribute sliding_window_cache = 1");
  for (const char* name : {"k_quant_type", "v_quant_type"})
    if (node.s(name, "NONE") != "NONE") unsupported("attribute ", name, " = ", node.s(name));
  if (node.has_input(kQueryNorm) || node.has_input(kKeyNorm)) unsupported("input q_norm_weight");
}

void infer(const Infer& c) {
  const auto q = c.dims(kQuery), k = c.dims(kKey), past = c.dims(kPastKey);
  const uint32_t outputs = std::min(c.output_count(), 4u);
  if (!q || (c.has(kKey) && !k) || (c.has(kPastKey) && !past)) {
    for (uint32_t i = 0; i < outputs; ++i) c.output(i, TensorType(c.dtype(kQuery)));
    return;
  }
  const Shape s = shape_of(c.node(), *q, k);
  require(!past || past->size() == 4, "past_key does not have rank 4");
  const auto values = c.values(kTotal);
  const int64_t total = values && values->size() == 1 ? (*values)[0] : HRT_DIM_UNKNOWN,
                old = past ? (*past)[2] : 0;
  // Symbols may be compared only with themselves.
  const int64_t cache = total == old || old == 0             ? total
                        : is_number(total) && is_number(old) ? std::max(total, old)
                                                             : HRT_DIM_UNKNOWN;
  c.output(0,
           TensorType(c.dtype(kQuery), {s.batch, s.sequence, s.packed ? c.mul(s.size, s.heads) : (*q)[2]}));
  for (uint32_t i = 1; i < std::min(outputs, 3u); ++i)
    c.output(i, TensorType(c.dtype(kQuery), {s.batch, s.kv_heads, cache, s.size}));
  if (outputs > 3) c.output(3, TensorType(c.dtype(kQuery), {s.batch, s.heads, s.sequence, total}));
}

// Where the tokens of each batch item lie.
struct Chunk {
  int64_t past, count;  // tokens before those of the queries, and of the queries that are no padding
  int64_t keys() const { return past + count; }
};
std::vector<Chunk> chunks_of(const Kernel& c, const Shape& s, int64_t old, int64_t total) {
  const auto lengths = to_int64s(c.input(kLengths));
  const auto valid = c.optional(kQueryLengths);
  const Dims counts = valid ? to_int64s(*valid) : Dims();
  require(int64_t(lengths.size()) == s.batch && (!valid || int64_t(counts.size()) == s.batch),
          "seqlens_k or query_seqlens does not have one entry per batch item");
  std::vector<Chunk> out;
  for (size_t b = 0; b < lengths.size(); ++b) {
    require(lengths[b] >= 0 && lengths[b] < total, "seqlens_k is ", lengths[b], " of a total of ", total);
    const int64_t keys = lengths[b] + 1, count = valid ? counts[b] : std::min(s.sequence, keys);
    require(count >= 0 && count <= std::min(s.sequence, keys), "query_seqlens is ", count, " of ", s.sequence,
            " tokens and ", keys, " keys");
    require(keys - count <= old, "a past of ", keys - count, " tokens in a cache of ", old);
    out.push_back({keys - count, count});
  }
  return out;
}

// Heads [first, first + heads) of x (batch, sequence, all, size).
std::vector<double> heads_of(const std::vector<double>& x, int64_t all, int64_t first, const Heads& h) {
  std::vector<double> out;
  out.reserve(size_t(h.count()));
  for (int64_t b = 0; b < h.batch; ++b)
    for (int64_t head = first; head < first + h.heads; ++head)
      for (int64_t t = 0; t < h.sequence; ++t) {
        const auto row = x.begin() + ((b * h.sequence + t) * all + head) * h.size;
        out.insert(out.end(), row, row + h.size);
      }
  return out;
}

class Rotary {
 public:
  Rotary(const Kernel& c, const Shape& s, const std::vector<Chunk>& chunks)
      : cos_(c.input(kCos)), sin_(c.input(kSin)), interleaved_(c.node().i("rotary_interleaved") != 0) {
    half_ = cos_.rank() == 2 ? cos_.dim(1) : 0;
    require(cos_.rank() == 2 && std::ranges::equal(cos_.dims(), sin_.dims()) && 2 * half_ <= s.size,
            "cos_cache of shape ", cos_.dims(), " and sin_cache of ", sin_.dims(), " for heads of ", s.size);
    const auto ids = c.optional(kPositions);
    require(!ids || std::ranges::equal(ids->dims(), Dims{s.batch, s.sequence}),
            "position_ids has the wrong shape");
    for (int64_t t = 0; t < s.batch * s.sequence; ++t) {
      const Chunk& chunk = chunks[size_t(t / s.sequence)];
      const bool padding = t % s.sequence >= chunk.count;
      const int64_t at = ids ? ids->data<int64_t>()[t] : chunk.past + t % s.sequence;
      require(padding || (at >= 0 && at < cos_.dim(0)), "position ", at, " is outside the cache of ",
              cos_.dim(0));
      positions_.push_back(std::clamp<int64_t>(at, 0, std::max<int64_t>(cos_.dim(0) - 1, 0)));
    }
    cosines_ = to_doubles(cos_);
    sines_ = to_doubles(sin_);
  }
  void apply(std::vector<double>& x, const Heads& h) const {
    for (int64_t r = 0; r < h.batch * h.heads * h.sequence; ++r) {
      const int64_t token = r / h.sequence / h.heads * h.sequence + r % h.sequence;
      const int64_t at = positions_[size_t(token)] * half_;
      double* row = x.data() + r * h.size;
      rotate(row, row, cosines_.data() + at, sines_.data() + at, half_, interleaved_);
    }
  }

 private:
  Tensor cos_, sin_;
  bool interleaved_;
  int64_t half_ = 0;
  Dims positions_;
  std::vector<double> cosines_, sines_;
};

// The cache of `rows` tokens: the past, then the chunk's tokens, then zeros. dims of x: (batch, heads, ...).
std::vector<double> extend(const std::optional<Tensor>& past, const std::vector<double>& x, const Heads& h,
                           const std::vector<Chunk>& chunks, int64_t rows) {
  const auto before = past ? to_doubles(*past) : std::vector<double>();
  const int64_t old = past ? past->dim(2) : 0;
  std::vector<double> out(size_t(h.batch * h.heads * rows * h.size));
  for (int64_t i = 0; i < h.batch * h.heads; ++i) {
    const Chunk& chunk = chunks[size_t(i / h.heads)];
    double* to = out.data() + i * rows * h.size;
    std::copy_n(before.begin() + i * old * h.size, chunk.past * h.size, to);
    std::copy_n(x.begin() + i * h.sequence * h.size, chunk.count * h.size, to + chunk.past * h.size);
  }
  return out;
}

void compute(const Kernel& c) {
  const Node& node = c.node();
  refuse(node);
  const Tensor query = c.input(kQuery);
  const auto key = c.optional(kKey), value = c.optional(kValue), past_key = c.optional(kPastKey),
             past_value = c.optional(kPastValue);
  const auto dims = [](const Tensor& t) { return Dims(t.dims().begin(), t.dims().end()); };
  const Shape s = shape_of(node, dims(query), key ? std::optional(dims(*key)) : std::nullopt);
  const Dims kv{s.batch, s.sequence, s.kv_heads * s.size};
  require(key.has_value() == value.has_value() && (!key || (dims(*key) == kv && dims(*value) == kv)),
          "key and value do not have the shape ", kv);
  require(past_key.has_value() == past_value.has_value(), "past_key and past_value go together");
  const int64_t old = past_key && past_key->rank() == 4 ? past_key->dim(2) : 0,
                total = int_scalar_of(c.input(kTotal), "total_sequence_length");
  const Dims cache{s.batch, s.kv_heads, old, s.size};
  require(!past_key || (dims(*past_key) == cache && dims(*past_value) == cache),
          "past_key and past_value do not have the shape ", cache);
  require(total >= 0 && total <= old + s.sequence, "total_sequence_length is ", total, " with a past of ",
          old, " and ", s.sequence, " tokens");
  const int64_t rows = std::max(total, old), window = node.i("local_window_size", -1);
  const bool causal = node.i("causal", 1) != 0;
  require(window == -1 || (window > 0 && causal), "local_window_size is ", window);
  const auto chunks = chunks_of(c, s, old, total);

  const Heads hq{s.batch, s.heads, s.sequence, s.size}, hk{s.batch, s.kv_heads, s.sequence, s.size};
  const auto in = to_doubles(query);
  const int64_t all = s.heads + (s.packed ? 2 * s.kv_heads : 0);
  auto q = heads_of(in, all, 0, hq),
       k = s.packed ? heads_of(in, all, s.heads, hk) : heads_of(to_doubles(*key), s.kv_heads, 0, hk);
  const auto v = s.packed ? heads_of(in, all, s.heads + s.kv_heads, hk)
                          : heads_of(to_doubles(*value), s.kv_heads, 0, hk);
  if (node.i("do_rotary")) {
    const Rotary rotary(c, s, chunks);
    rotary.apply(q, hq);
    rotary.apply(k, hk);
  }
  const auto keys = extend(past_key, k, hk, chunks, rows), values = extend(past_value, v, hk, chunks, rows);

  Attend a{s.batch, s.heads, s.kv_heads, s.sequence, rows, s.size, s.size};
  a.scale = node.has("scale") && node.f("scale") != 0 ? node.f("scale") : 1 / std::sqrt(double(s.size));
  a.cap = node.f("softcap", 0);
  if (const auto sink = c.optional(kSink)) {
    require(sink->rank() == 1 && sink->dim(0) == s.heads, "head_sink of shape ", sink->dims());
    a.sink = to_doubles(*sink);
  } else if (node.i("smooth_softmax", -1) > 0) {
    a.sink.assign(size_t(s.heads), 0);
  }
  Attend seen = a;  // attention_bias covers total keys, not the rest of the cache
  seen.keys = total;
  const AttentionBias more(c.optional(kAttentionBias), seen);
  a.bias = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    const Chunk& chunk = chunks[size_t(b)];
    const int64_t p = chunk.past + i;
    if (j >= chunk.keys() || (causal && j > p) || (window > 0 && j <= p - window)) return kExcluded;
    return more.at(b, h, i, j);
  };
  const int64_t show = node.i("qk_output");
  require(show >= 0 && show <= 2, "qk_output is ", show);
  std::vector<double> shown;
  if (c.wanted(3))
    a.show = [&](Attend::Stage stage, const std::vector<double>& row) {
      if (stage == (show == 2 ? Attend::kSoftmax : Attend::kBiased))
        shown.insert(shown.end(), row.begin(), row.begin() + total);
    };
  write_packed(c.output(0, query.dtype(), Dims{s.batch, s.sequence, s.heads * s.size}),
               attend(c, a, q, keys, values), hq);
  if (c.wanted(1)) write(c.output(1, query.dtype(), Dims{s.batch, s.kv_heads, rows, s.size}), keys);
  if (c.wanted(2)) write(c.output(2, query.dtype(), Dims{s.batch, s.kv_heads, rows, s.size}), values);
  if (c.wanted(3)) write(c.output(3, query.dtype(), Dims{s.batch, s.heads, s.sequence, total}), shown);
}

const Register group_query_attention(Op{
    .domain = "com.microsoft",
    .name = "GroupQueryAttention",
    .since = 1,
    .doc = "attention with a cache and grouped heads",
    .inputs = {{"query", "T"},
               {"key", "T", HRT_PARAM_OPTIONAL},
               {"value", "T", HRT_PARAM_OPTIONAL},
               {"past_key", "C", HRT_PARAM_OPTIONAL},
               {"past_value", "C", HRT_PARAM_OPTIONAL},
               {"seqlens_k", "int32"},
               {"total_sequence_length", "int32"},
               {"cos_cache", "T", HRT_PARAM_OPTIONAL},
               {"sin_cache", "T", HRT_PARAM_OPTIONAL},
               {"position_ids", "int64", HRT_PARAM_OPTIONAL},
               {"attention_bias", "T", HRT_PARAM_OPTIONAL},
               {"head_sink", "T", HRT_PARAM_OPTIONAL},
               {"k_scale", "float32", HRT_PARAM_OPTIONAL},
               {"v_scale", "float32", HRT_PARAM_OPTIONAL},
               {"q_norm_weight", "T", HRT_PARAM_OPTIONAL},
               {"k_norm_weight", "T", HRT_PARAM_OPTIONAL},
               {"query_seqlens", "int32", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "T"},
                {"present_key", "C", HRT_PARAM_OPTIONAL},
                {"present_value", "C", HRT_PARAM_OPTIONAL},
                {"output_qk", "T", HRT_PARAM_OPTIONAL}},
    .attrs = {{"causal", HRT_ATTR_INT, "1"},
              {"do_rotary", HRT_ATTR_INT, "0"},
              {"k_norm_epsilon", HRT_ATTR_FLOAT},
              {"k_quant_type", HRT_ATTR_STRING, "NONE"},
              {"kv_cache_bit_width", HRT_ATTR_INT, "0"},
              {.name = "kv_num_heads", .type = HRT_ATTR_INT, .required = true},
              {"local_window_size", HRT_ATTR_INT, "-1"},
              {.name = "num_heads", .type = HRT_ATTR_INT, .required = true},
              {"q_norm_epsilon", HRT_ATTR_FLOAT},
              {"qk_norm_epsilon", HRT_ATTR_FLOAT, "1e-6"},
              {"qk_output", HRT_ATTR_INT, "0"},
              {"rotary_interleaved", HRT_ATTR_INT, "0"},
              {"scale", HRT_ATTR_FLOAT},
              {"sliding_window_cache", HRT_ATTR_INT, "0"},
              {"smooth_softmax", HRT_ATTR_INT, "-1"},
              {"softcap", HRT_ATTR_FLOAT, "0"},
              {"v_quant_type", HRT_ATTR_STRING, "NONE"}},
    .types = {{"T", kFloat}, {"C", kFloat | bits(HRT_UINT8, HRT_INT8, HRT_FLOAT8E4M3FN)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
