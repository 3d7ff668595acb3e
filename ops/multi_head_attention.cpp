// SPDX-License-Identifier: Apache-2.0
// com.microsoft.MultiHeadAttention: attention of projected queries, keys and values, to which it adds the
// projection's bias.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MultiHeadAttention
#include "attend.h"

namespace hrt::ops {
namespace {

enum : uint32_t {
  kQuery,
  kKey,
  kValue,
  kBias,
  kMask,
  kAttentionBias,
  kPastKey,
  kPastValue,
  kPastLength,
  kBeams
};

// How queries, keys and values come.
struct Shape {
  enum Form { kSeparate, kPackedKv, kPackedQkv, kByHeads } form = kSeparate;
  int64_t batch, heads, queries, keys, size, value_size;  // keys: the new ones
};

// q, k, v: dims, those of k and v empty when absent. Dims may be symbols when c is given.
Shape shape_of(const Node& node, const Dims& q, const Dims& k, const Dims& v, const Infer* c) {
  const int64_t heads = node.i("num_heads");
  require(heads > 0 && heads <= INT32_MAX, "num_heads is ", heads);
  const auto per_head = [&](int64_t hidden) {
    require(!is_number(hidden) || hidden % heads == 0, "a hidden size of ", hidden, " for ", heads, " heads");
    return is_number(hidden) ? hidden / heads : hidden == HRT_DIM_UNKNOWN ? hidden : c->symbol();
  };
  const auto same = [](int64_t a, int64_t b) { return a == b || !is_number(a) || !is_number(b); };
  if (q.size() == 5) {
    require(k.empty() && v.empty() && same(q[2], heads) && same(q[3], 3), "packed query of shape ", q);
    return {Shape::kPackedQkv, q[0], heads, q[1], q[1], q[4], q[4]};
  }
  require(q.size() == 3, "query of shape ", q);
  Shape s{Shape::kSeparate, q[0], heads, q[1], 0, per_head(q[2]), 0};
  if (k.size() == 5) {
    require(v.empty() && same(k[2], heads) && same(k[3], 2) && same(k[4], s.size), "packed key of shape ", k);
    s.form = Shape::kPackedKv;
    s.keys = k[1];
    s.value_size = k[4];
  } else if (k.size() == 4) {
    require(v.size() == 4 && same(k[1], heads) && same(v[1], heads) && same(k[2], v[2]) && same(k[3], s.size),
            "key and value of shapes ", k, " and ", v);
    s.form = Shape::kByHeads;
    s.keys = k[2];
    s.value_size = v[3];
  } else {
    require(k.size() == 3 && v.size() == 3 && same(k[1], v[1]) && same(k[2], q[2]),
            "query, key and value of shapes ", q, ", ", k, " and ", v);
    s.keys = k[1];
    s.value_size = per_head(v[2]);
  }
  require(same(k[0], q[0]) && (v.empty() || same(v[0], q[0])), "query, key and value differ in batch size");
  return s;
}

void refuse(const Node& node) {
  if (node.has_input(kPastLength)) unsupported("input past_sequence_length");
  if (node.has_input(kBeams)) unsupported("input cache_indirection");
}

void infer(const Infer& c) {
  const auto q = c.dims(kQuery), k = c.dims(kKey), v = c.dims(kValue), past = c.dims(kPastKey);
  const uint32_t outputs = std::min(c.output_count(), 4u);
  if (!q || (c.has(kKey) && !k) || (c.has(kValue) && !v) || (c.has(kPastKey) && !past)) {
    for (uint32_t i = 0; i < outputs; ++i) c.output(i, TensorType(c.dtype(kQuery)));
    return;
  }
  const Shape s = shape_of(c.node(), *q, k.value_or(Dims()), v.value_or(Dims()), &c);
  require(!past || past->size() == 4, "past_key does not have rank 4");
  const int64_t total = past ? c.add((*past)[2], s.keys) : s.keys;
  c.output(0, TensorType(c.dtype(kQuery), {s.batch, s.queries, c.mul(s.value_size, s.heads)}));
  if (outputs > 1) c.output(1, TensorType(c.dtype(kQuery), {s.batch, s.heads, total, s.size}));
  if (outputs > 2) c.output(2, TensorType(c.dtype(kQuery), {s.batch, s.heads, total, s.value_size}));
  if (outputs > 3) c.output(3, TensorType(c.dtype(kQuery), {s.batch, s.heads, s.queries, total}));
}

// Part `which` of `parts` that are interleaved by head: (batch, sequence, heads, parts, size).
std::vector<double> unpack(const Tensor& t, int64_t which) {
  const int64_t parts = t.dim(3), size = t.dim(4);
  const auto all = to_doubles(t);
  std::vector<double> out;
  for (int64_t at = which * size; at < int64_t(all.size()); at += parts * size)
    out.insert(out.end(), all.begin() + at, all.begin() + at + size);
  return out;
}

// x (batch, sequence, heads, size) with bias, by heads.
std::vector<double> with_bias(std::vector<double> x, const std::vector<double>& bias, int64_t first,
                              const Heads& h) {
  const size_t n = size_t(h.heads * h.size);
  for (size_t i = 0; !bias.empty() && i < x.size(); ++i) x[i] += bias[size_t(first) + i % n];
  return by_heads(x, h);
}

void compute(const Kernel& c) {
  const Node& node = c.node();
  refuse(node);
  const Tensor query = c.input(kQuery);
  const auto key = c.optional(kKey), value = c.optional(kValue), past_key = c.optional(kPastKey),
             past_value = c.optional(kPastValue), bias = c.optional(kBias);
  const auto dims = [](const std::optional<Tensor>& t) {
    return t ? Dims(t->dims().begin(), t->dims().end()) : Dims();
  };
  const Shape s = shape_of(node, dims(query), dims(key), dims(value), nullptr);
  const Heads hq{s.batch, s.heads, s.queries, s.size, true}, hk{s.batch, s.heads, s.keys, s.size, true},
      hv{s.batch, s.heads, s.keys, s.value_size, true};
  const int64_t hidden = s.heads * s.size;
  require(!bias || (bias->rank() == 1 && bias->dim(0) == 2 * hidden + s.heads * s.value_size),
          "bias of shape ", dims(bias));
  require(past_key.has_value() == past_value.has_value(), "past_key and past_value go together");
  const int64_t old = past_key && past_key->rank() == 4 ? past_key->dim(2) : 0, total = old + s.keys;
  require(!past_key || (dims(past_key) == Dims{s.batch, s.heads, old, s.size} &&
                        dims(past_value) == Dims{s.batch, s.heads, old, s.value_size}),
          "past_key and past_value of shapes ", dims(past_key), " and ", dims(past_value));
  require(!past_key || s.form != Shape::kByHeads, "a past beside keys that are one already");
  const bool causal = node.i("unidirectional") != 0;
  if (causal && s.queries != s.keys)
    unsupported("attribute unidirectional = 1 with ", s.queries, " queries for ", s.keys, " new keys");

  Attend a{s.batch, s.heads, s.heads, s.queries, total, s.size, s.value_size};
  a.scale = node.has("scale") && node.f("scale") != 0 ? node.f("scale") : 1 / std::sqrt(double(s.size));
  const PaddingMask mask(c.optional(kMask), a, node.f("mask_filter_value", -10000));
  const AttentionBias more(c.optional(kAttentionBias), a);
  a.bias = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    return causal && j > old + i ? kExcluded : mask.at(b, i, j) + more.at(b, h, i, j);
  };
  std::vector<double> shown;
  if (c.wanted(3))
    a.show = [&](Attend::Stage stage, const std::vector<double>& row) {
      if (stage == Attend::kBiased) shown.insert(shown.end(), row.begin(), row.end());
    };

  const auto doubles = [](const std::optional<Tensor>& t) {
    return t ? to_doubles(*t) : std::vector<double>();
  };
  const std::vector<double> add = doubles(bias);
  std::vector<double> q, k, v;
  switch (s.form) {
    case Shape::kPackedQkv: q = unpack(query, 0), k = unpack(query, 1), v = unpack(query, 2); break;
    case Shape::kPackedKv: q = to_doubles(query), k = unpack(*key, 0), v = unpack(*key, 1); break;
    default: q = to_doubles(query), k = doubles(key), v = doubles(value);
  }
  q = with_bias(std::move(q), add, 0, hq);
  if (s.form != Shape::kByHeads) {  // keys and values of another sequence have theirs already
    k = with_past(with_bias(std::move(k), add, hidden, hk), hk, doubles(past_key));
    v = with_past(with_bias(std::move(v), add, 2 * hidden, hv), hv, doubles(past_value));
  }
  write_packed(c.output(0, query.dtype(), Dims{s.batch, s.queries, s.heads * s.value_size}),
               attend(c, a, q, k, v), {s.batch, s.heads, s.queries, s.value_size});
  if (c.wanted(1)) write(c.output(1, query.dtype(), Dims{s.batch, s.heads, total, s.size}), k);
  if (c.wanted(2)) write(c.output(2, query.dtype(), Dims{s.batch, s.heads, total, s.value_size}), v);
  if (c.wanted(3)) write(c.output(3, query.dtype(), Dims{s.batch, s.heads, s.queries, total}), shown);
}

const Register multi_head_attention(Op{
    .domain = "com.microsoft",
    .name = "MultiHeadAttention",
    .since = 1,
    .doc = "attention of projected queries, keys and values",
    .inputs = {{"query", "T"},
               {"key", "T", HRT_PARAM_OPTIONAL},
               {"value", "T", HRT_PARAM_OPTIONAL},
               {"bias", "T", HRT_PARAM_OPTIONAL},
               {"key_padding_mask", "M", HRT_PARAM_OPTIONAL},
               {"attention_bias", "T", HRT_PARAM_OPTIONAL},
               {"past_key", "T", HRT_PARAM_OPTIONAL},
               {"past_value", "T", HRT_PARAM_OPTIONAL},
               {"past_sequence_length", "M", HRT_PARAM_OPTIONAL},
               {"cache_indirection", "M", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "T"},
                {"present_key", "T", HRT_PARAM_OPTIONAL},
                {"present_value", "T", HRT_PARAM_OPTIONAL},
                {"qk", "T", HRT_PARAM_OPTIONAL}},
    .attrs = {{"mask_filter_value", HRT_ATTR_FLOAT, "-10000"},
              {.name = "num_heads", .type = HRT_ATTR_INT, .required = true},
              {"scale", HRT_ATTR_FLOAT},
              {"unidirectional", HRT_ATTR_INT, "0"}},
    .types = {{"T", kFloat}, {"M", bits(HRT_INT32)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
