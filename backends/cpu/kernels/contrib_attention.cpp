// SPDX-License-Identifier: Apache-2.0
// Attention and MultiHeadAttention of com.microsoft, before attend(): the projection of the one, the packed
// forms and the bias of the other.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Attention
#include <cstring>

#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/product.h"
#include "backends/cpu/packed.h"

namespace hrt::cpu {
namespace {

enum : size_t { kInput, kWeights, kBias, kMaskIndex, kPast, kAttentionBias, kPastLength };

std::string attention_supports(const Node& node) {
  for (const char* name : {"do_rotary", "past_present_share_buffer"})
    if (node.i(name)) return sdk::cat(name, " = ", node.i(name));
  if (node.has_input(kPastLength)) return "past_sequence_length";
  const Graph graph(node.graph());
  if (!graph.value(node.input(kWeights)).is_constant()) return "weights that are not constant";
  if (node.has_input(kBias) && !graph.value(node.input(kBias)).is_constant())
    return "bias that is not constant";
  return floats_but(node, 1u << kMaskIndex);
}

Compiled attention_compile(const Node& node) {
  struct Attrs {
    int64_t heads, in, columns;
    Dims sizes;
    bool causal;
    float filter;
    std::optional<float> scale;
    Floats weights, bias;
  };
  const Graph graph(node.graph());
  const auto w = graph.value(node.input(kWeights)).constant();
  require(w && w->rank() == 2, "weights do not have rank 2");
  Attrs a{node.i("num_heads"),
          w->dim(0),
          w->dim(1),
          node.ints("qkv_hidden_sizes"),
          node.i("unidirectional") != 0,
          node.f("mask_filter_value", -10000),
          scale_attr(node),
          {},
          {}};
  if (a.sizes.empty()) a.sizes.assign(3, a.columns / 3);
  require(a.heads > 0 && a.sizes.size() == 3, "num_heads is ", a.heads);
  for (const int64_t size : a.sizes)
    require(size > 0 && size <= a.columns && size % a.heads == 0, "a hidden size of ", size, " for ", a.heads,
            " heads");
  require(a.sizes[0] == a.sizes[1] && 2 * a.sizes[0] + a.sizes[2] == a.columns, "hidden sizes of ", a.sizes,
          " for weights with ", a.columns, " columns");
  a.weights = make_floats(packed_floats(a.in, a.columns));
  pack_matrices(w->data<float>(), {a.columns, 1}, 1, a.in, a.columns, 1, a.weights.get());
  Compiled c;
  c.packed = 1u << kWeights;
  if (node.has_input(kBias)) {
    const auto bias = graph.value(node.input(kBias)).constant();
    require(bias->rank() == 1 && bias->dim(0) == a.columns, "the bias does not fit the weights");
    a.bias = make_floats(packed_floats(1, a.columns));
    std::memcpy(a.bias.get(), bias->data<float>(), size_t(a.columns) * sizeof(float));
    c.packed |= 1u << kBias;
  }
  c.prepare = [a](const Signature& sig) -> Step {
    const Dims& x = sig.in[kInput].dims;
    require(x.size() == 3 && x[2] == a.in, "input of shape ", x, " for weights of ", Dims{a.in, a.columns});
    AttendShape s{x[0], a.heads, a.heads, x[1], x[1], a.sizes[0] / a.heads, a.sizes[2] / a.heads};
    const bool past = sig.has_in(kPast), present = sig.out.size() > 1 && sig.out[1].present();
    if (past) {
      require(sig.in[kPast].rank() == 5, "past does not have rank 5");
      s.past = sig.in[kPast].dims[3];
      s.keys += s.past;
      require_dims(sig.in[kPast], {2, s.batch, s.heads, s.past, s.size}, "past");
    }
    require(s.size == s.value_size || (!past && !present), "past and present need keys as large as values");
    s.scale = scale_of(a.scale, s.size);
    s.causal = a.causal;
    Scratch scratch;
    const Padding padding(sig, kMaskIndex, s, a.filter, scratch);
    const Extra extra(sig, kAttentionBias, s, s.keys);
    const int64_t tokens = s.batch * s.queries;
    const size_t qkv = scratch.take(tokens * a.columns), core = scratch.take(0);
    const Product product{tokens, a.columns, a.in, true, {{0, 0}}, {}};
    return {[=](const Buffers& b) {
              float* p = piece<float>(b, qkv);
              multiply(product, {b.input<float>(kInput), a.weights.get(), nullptr, a.bias.get(), false, p});
              const auto part = [&](int64_t first, int64_t size) {
                return ConstRows{p + first, s.queries * a.columns, size, a.columns};
              };
              AttendOperands o{
                  part(0, s.size), {}, {}, by_tokens(b.output<float>(0), s.heads, s.queries, s.value_size)};
              o.k[1] = part(a.sizes[0], s.size);
              o.v[1] = part(2 * a.sizes[0], s.value_size);
              const int64_t old = s.batch * s.heads * s.past * s.size,
                            all = s.batch * s.heads * s.keys * s.size;
              if (past) {
                o.k[0] = by_heads(b.input<float>(kPast), s.heads, s.past, s.size);
                o.v[0] = by_heads(b.input<float>(kPast) + old, s.heads, s.past, s.size);
              }
              o.add = {padding.get(b), extra.get(b)};
              attend(s, o, b.workspace + core);
              if (!present) return;
              float* to = b.output<float>(1);
              copy_rows(o.k, s.past, s.keys, s.batch, s.heads, s.size, by_heads(to, s.heads, s.keys, s.size));
              copy_rows(o.v, s.past, s.keys, s.batch, s.heads, s.size,
                        by_heads(to + all, s.heads, s.keys, s.size));
            },
            core + s.workspace()};
  };
  return c;
}

// -------------------------------------------------------------------- com.microsoft.MultiHeadAttention

enum : size_t {
  kQuery,
  kKey,
  kValue,
  kMhaBias,
  kKeyMask,
  kMhaExtra,
  kMhaPastKey,
  kMhaPastValue,
  kLength,
  kBeams
};

std::string multi_head_supports(const Node& node) {
  if (node.has_input(kLength)) return "past_sequence_length";
  if (node.has_input(kBeams)) return "cache_indirection";
  if (wanted(node, 3)) return "scores as an output";
  return floats_but(node, 1u << kKeyMask);
}

// How one of query, key and value lies: in `input`, `first` floats behind its begin, with these strides; and
// its part of the bias, added into the workspace.
struct Source {
  size_t input = 0;
  int64_t first = 0;
  ConstRows strides;  // no p
  int64_t heads = 0, sequence = 0, size = 0, batch = 0;
  int64_t bias = -1;  // offset; none: -1
  size_t sum = 0;

  ConstRows get(const Buffers& b) const {
    ConstRows rows = strides;
    rows.p = b.input<float>(input) + first;
    if (bias < 0) return rows;
    const HeadRows<float> to = by_tokens(piece<float>(b, sum), heads, sequence, size);
    const float* add = b.input<float>(kMhaBias) + bias;
    parallel(batch * sequence, double(heads * size) * 0.2, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        for (int64_t h = 0; h < heads; ++h)
          map2<1, 1>(rows.at(t / sequence, h, t % sequence), add + h * size,
                     to.at(t / sequence, h, t % sequence), size, [](Vec x, Vec y) { return hn::Add(x, y); });
    });
    return {to.p, to.batch, to.head, to.row};
  }
};

// Part `which` of `parts` that are interleaved by head: (batch, sequence, heads, parts, size).
Source packed_part(size_t input, const Dims& d, int64_t which) {
  Source s{input, which * d[4], {nullptr, d[1] * d[2] * d[3] * d[4], d[3] * d[4], d[2] * d[3] * d[4]}};
  s.sequence = d[1];
  s.size = d[4];
  return s;
}
Source separate(size_t input, const Dims& d, int64_t heads) {
  require(d.size() == 4 || d.size() == 3, "query, key or value of shape ", d);
  require(d.size() == 4 ? d[1] == heads : d[2] % heads == 0, "query, key or value of shape ", d, " for ",
          heads, " heads");
  Source s{input, 0, {}};
  s.sequence = d[d.size() == 4 ? 2 : 1];
  s.size = d.size() == 4 ? d[3] : d[2] / heads;
  s.strides = d.size() == 4 ? by_heads<const float>(nullptr, heads, s.sequence, s.size)
                            : by_tokens<const float>(nullptr, heads, s.sequence, s.size);
  return s;
}

Compiled multi_head_compile(const Node& node) {
  struct Attrs {
    int64_t heads;
    bool causal;
    float filter;
    std::optional<float> scale;
  };
  const Attrs a{node.i("num_heads"), node.i("unidirectional") != 0, node.f("mask_filter_value", -10000),
                scale_attr(node)};
  require(a.heads > 0, "num_heads is ", a.heads);
  Compiled c;
  c.prepare = [a](const Signature& sig) -> Step {
    const Dims& d = sig.in[kQuery].dims;
    const bool packed_qkv = d.size() == 5, packed_kv = sig.has_in(kKey) && sig.in[kKey].rank() == 5,
               other = sig.has_in(kKey) && sig.in[kKey].rank() == 4;
    require(packed_qkv || d.size() == 3, "query of shape ", d);
    require(packed_qkv ? d[2] == a.heads && d[3] == 3 && !sig.has_in(kKey) && !sig.has_in(kValue)
                       : sig.has_in(kKey) && sig.has_in(kValue) != packed_kv,
            "query of shape ", d, " with these keys and values");
    if (packed_kv)
      require(sig.in[kKey].dims[2] == a.heads && sig.in[kKey].dims[3] == 2, "packed key of shape ",
              sig.in[kKey].dims);
    Source q = packed_qkv ? packed_part(kQuery, d, 0) : separate(kQuery, d, a.heads);
    Source k = packed_qkv  ? packed_part(kQuery, d, 1)
               : packed_kv ? packed_part(kKey, sig.in[kKey].dims, 0)
                           : separate(kKey, sig.in[kKey].dims, a.heads);
    Source v = packed_qkv  ? packed_part(kQuery, d, 2)
               : packed_kv ? packed_part(kKey, sig.in[kKey].dims, 1)
                           : separate(kValue, sig.in[kValue].dims, a.heads);
    require(k.sequence == v.sequence && k.size == q.size && sig.in[k.input].dims[0] == d[0] &&
                sig.in[v.input].dims[0] == d[0] && sig.in[k.input].rank() == sig.in[v.input].rank(),
            "query, key and value of shapes ", d, ", ", sig.in[k.input].dims, " and ", sig.in[v.input].dims);
    AttendShape s{d[0], a.heads, a.heads, q.sequence, k.sequence, q.size, v.size};
    const Cache cache(sig, kMhaPastKey, kMhaPastValue, s);
    require(!cache.past || !other, "a past beside keys that are one already");
    if (a.causal && q.sequence != k.sequence)
      unsupported("unidirectional = 1 with ", q.sequence, " queries for ", k.sequence, " new keys");
    s.scale = scale_of(a.scale, s.size);
    s.causal = a.causal;
    Scratch scratch;
    if (sig.has_in(kMhaBias)) {
      const int64_t hidden = s.heads * s.size;
      require_dims(sig.in[kMhaBias], {2 * hidden + s.heads * s.value_size}, "bias");
      int64_t first = 0;
      for (Source* x : {&q, &k, &v}) {
        x->heads = s.heads;
        x->batch = s.batch;
        if (x == &q || !other) {
          x->bias = first;
          x->sum = scratch.take(s.batch * s.heads * x->sequence * x->size);
        }
        first += hidden;
      }
    }
    const Padding padding(sig, kKeyMask, s, a.filter, scratch);
    const Extra extra(sig, kMhaExtra, s, s.keys);
    const size_t core = scratch.take(0);
    return {[=](const Buffers& b) {
              AttendOperands o{
                  q.get(b), {}, {}, by_tokens(b.output<float>(0), s.heads, s.queries, s.value_size)};
              o.k[1] = k.get(b);
              o.v[1] = v.get(b);
              o.add = {padding.get(b), extra.get(b)};
              cache.run(b, s, o, b.workspace + core);
            },
            core + s.workspace()};
  };
  return c;
}

}  // namespace

std::span<const Op> contrib_attention_ops() {
  static const Op ops[] = {
      {"com.microsoft", "Attention", attention_supports, attention_compile, attention_flops},
      {"com.microsoft", "MultiHeadAttention", multi_head_supports, multi_head_compile, attention_flops}};
  return ops;
}

}  // namespace hrt::cpu
