// SPDX-License-Identifier: Apache-2.0
// com.microsoft.Attention: self-attention that projects its input to queries, keys and values itself.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Attention
#include "attend.h"

namespace hrt::ops {
namespace {

enum : uint32_t { kInput, kWeights, kBias, kMask, kPast, kAttentionBias, kPastLength };

// Hidden sizes of Q, K and V. columns: of the weights.
Dims hidden_sizes(const Node& node, int64_t columns) {
  const int64_t heads = node.i("num_heads");
  require(heads > 0 && heads <= INT32_MAX, "num_heads is ", heads);
  Dims sizes = node.ints("qkv_hidden_sizes");
  if (sizes.empty()) sizes.assign(3, columns / 3);
  require(sizes.size() == 3, "qkv_hidden_sizes has ", sizes.size(), " entries");
  for (const int64_t s : sizes)
    require(s > 0 && s <= columns && s % heads == 0, "a hidden size of ", s, " for ", heads, " heads");
  require(sizes[0] == sizes[1] && sizes[0] + sizes[1] + sizes[2] == columns, "hidden sizes of ", sizes,
          " for weights with ", columns, " columns");
  return sizes;
}

void refuse(const Node& node) {
  for (const char* name : {"do_rotary", "past_present_share_buffer"})
    if (node.i(name)) unsupported("attribute ", name, " = ", node.i(name));
  if (node.has_input(kPastLength)) unsupported("input past_sequence_length");
}

void infer(const Infer& c) {
  const auto x = c.dims(kInput), w = c.dims(kWeights), past = c.dims(kPast);
  const bool present = c.output_count() > 1;
  require((!x || x->size() == 3) && (!w || w->size() == 2) && (!past || past->size() == 5),
          "input, weights and past do not have ranks 3, 2 and 5");
  if (!x || !w || !is_number((*w)[1])) {
    c.output(0, TensorType(c.dtype(kInput)));
    if (present) c.output(1, TensorType(c.dtype(kInput)));
    return;
  }
  const Dims sizes = hidden_sizes(c.node(), (*w)[1]);
  c.output(0, TensorType(c.dtype(kInput), {(*x)[0], (*x)[1], sizes[2]}));
  if (!present) return;
  if (c.has(kPast) && !past) return c.output(1, TensorType(c.dtype(kInput)));
  const int64_t heads = c.node().i("num_heads"), total = past ? c.add((*past)[3], (*x)[1]) : (*x)[1];
  c.output(1, TensorType(c.dtype(kInput), {2, (*x)[0], heads, total, sizes[2] / heads}));
}

// x * the columns [first, first + heads * size) of the weights + bias, as (batch, heads, sequence, size).
std::vector<double> project(const std::vector<double>& x, const std::vector<double>& w,
                            const std::vector<double>& bias, int64_t columns, int64_t first, const Heads& h) {
  const int64_t n = h.heads * h.size, depth = int64_t(w.size()) / columns;
  std::vector<double> y;
  y.reserve(size_t(h.count()));
  for (int64_t row = 0; row < h.batch * h.sequence; ++row)
    for (int64_t j = first; j < first + n; ++j) {
      double sum = bias.empty() ? 0 : bias[size_t(j)];
      for (int64_t k = 0; k < depth; ++k) sum += x[size_t(row * depth + k)] * w[size_t(k * columns + j)];
      y.push_back(sum);
    }
  return by_heads(y, h);
}

void compute(const Kernel& c) {
  const Node& node = c.node();
  refuse(node);
  const Tensor x = c.input(kInput), w = c.input(kWeights);
  require(x.rank() == 3 && w.rank() == 2 && x.dim(2) == w.dim(0), "input of shape ", x.dims(),
          " and weights of ", w.dims());
  const Dims sizes = hidden_sizes(node, w.dim(1));
  const int64_t heads = node.i("num_heads"), batch = x.dim(0), sequence = x.dim(1);
  const Heads hk{batch, heads, sequence, sizes[0] / heads, true},
      hv{batch, heads, sequence, sizes[2] / heads, true};
  const auto past = c.optional(kPast), bias = c.optional(kBias);
  require(!bias || (bias->rank() == 1 && bias->dim(0) == w.dim(1)), "the bias does not fit the weights");
  const int64_t old = past && past->rank() == 5 ? past->dim(3) : 0, total = old + sequence;
  require(!past || std::ranges::equal(past->dims(), Dims{2, batch, heads, old, hk.size}), "past of shape ",
          past ? Dims(past->dims().begin(), past->dims().end()) : Dims());
  require(hk.size == hv.size || (!past && !c.wanted(1)), "past and present need keys as large as values");

  Attend a{batch, heads, heads, sequence, total, hk.size, hv.size};
  a.scale = node.has("scale") && node.f("scale") != 0 ? node.f("scale") : 1 / std::sqrt(double(hk.size));
  const PaddingMask mask(c.optional(kMask), a, node.f("mask_filter_value", -10000));
  const AttentionBias more(c.optional(kAttentionBias), a);
  const bool causal = node.i("unidirectional") != 0;
  a.bias = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    return causal && j > old + i ? kExcluded : mask.at(b, i, j) + more.at(b, h, i, j);
  };
  const auto in = to_doubles(x), weights = to_doubles(w),
             add = bias ? to_doubles(*bias) : std::vector<double>();
  const auto q = project(in, weights, add, w.dim(1), 0, hk);
  auto k = project(in, weights, add, w.dim(1), sizes[0], hk),
       v = project(in, weights, add, w.dim(1), 2 * sizes[0], hv);
  if (past) {  // keys, then values
    const auto both = to_doubles(*past);
    const auto half = both.begin() + hk.batch * heads * old * hk.size;
    k = with_past(k, hk, std::vector<double>(both.begin(), half));
    v = with_past(v, hv, std::vector<double>(half, both.end()));
  }
  write_packed(c.output(0, x.dtype(), Dims{batch, sequence, sizes[2]}), attend(c, a, q, k, v),
               {batch, heads, sequence, hv.size});
  if (!c.wanted(1)) return;
  k.insert(k.end(), v.begin(), v.end());
  write(c.output(1, x.dtype(), Dims{2, batch, heads, total, hv.size}), k);
}

const Register attention(Op{
    .domain = "com.microsoft",
    .name = "Attention",
    .since = 1,
    .doc = "self-attention with the projection of its input",
    .inputs = {{"input", "T"},
               {"weights", "T"},
               {"bias", "T", HRT_PARAM_OPTIONAL},
               {"mask_index", "M", HRT_PARAM_OPTIONAL},
               {"past", "T", HRT_PARAM_OPTIONAL},
               {"attention_bias", "T", HRT_PARAM_OPTIONAL},
               {"past_sequence_length", "M", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "T"}, {"present", "T", HRT_PARAM_OPTIONAL}},
    .attrs = {{"do_rotary", HRT_ATTR_INT, "0"},
              {"mask_filter_value", HRT_ATTR_FLOAT, "-10000"},
              {.name = "num_heads", .type = HRT_ATTR_INT, .required = true},
              {"past_present_share_buffer", HRT_ATTR_INT, "0"},
              {"qkv_hidden_sizes", HRT_ATTR_INTS},
              {"rotary_embedding_dim", HRT_ATTR_INT, "0"},
              {"scale", HRT_ATTR_FLOAT},
              {"unidirectional", HRT_ATTR_INT, "0"}},
    .types = {{"T", kFloat}, {"M", bits(HRT_INT32)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
