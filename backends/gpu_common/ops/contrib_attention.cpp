// SPDX-License-Identifier: Apache-2.0
// Attention, MultiHeadAttention and GroupQueryAttention of com.microsoft.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include <algorithm>
#include <cmath>

#include "backends/gpu_common/ops/attention.h"
#include "backends/gpu_common/ops/cast.h"
#include "backends/gpu_common/ops/product.h"
#include "backends/gpu_common/ops/strided.h"

namespace hrt::gpu {
namespace {

using sdk::cat;

float scale_of(float given, int64_t size) { return given != 0 ? given : 1 / std::sqrt(float(size)); }

// mask_index of Attention, key_padding_mask of MultiHeadAttention.
Attend::Padding padding_in(Emit& emit, size_t i, const Attend& a, float filter) {
  const Dims& d = emit.in()[i].dims;
  Attend::Padding p{.ref = emit.in_ref(i), .filter = filter};
  if (d.size() == 1) {  // ends; or ends, then starts; or ends, then where each sequence lies
    require(d[0] == a.batch || d[0] == 2 * a.batch || d[0] == 3 * a.batch + 2, "a mask of ", d[0],
            " lengths for a batch of ", a.batch);
    p.kind = d[0] == 2 * a.batch ? Attend::Padding::kEndsAndStarts : Attend::Padding::kEnds;
    return p;
  }
  const bool by_query = d.size() == 3;
  require(d == (by_query ? Dims{a.batch, a.queries, a.keys} : Dims{a.batch, a.keys}), "a mask of shape ", d,
          " for ", Dims{a.batch, a.queries, a.keys});
  p.kind = Attend::Padding::kKeys;
  p.query = by_query ? a.keys : 0;
  p.batch = a.keys * (by_query ? a.queries : 1);
  return p;
}

// attention_bias: four dims, of which the first two may be 1.
Attend::Mask bias_in(Emit& emit, size_t i, const Attend& a, int64_t keys) {
  const Dims& d = emit.in()[i].dims;
  require(d.size() == 4 && d[2] == a.queries && d[3] == keys, "attention_bias of shape ", d, " for ",
          a.queries, " queries and ", keys, " keys");
  return mask_in(emit, i, a);
}

// ------------------------------------------------------------------------------------- Attention

namespace attention {

enum : size_t { kInput, kWeights, kBias, kMask, kPast, kAttentionBias, kPastLength };

std::string supports(const Node& node, const Caps& caps) {
  for (const char* name : {"do_rotary", "past_present_share_buffer"})
    if (node.i(name)) return cat("attribute ", name, " = ", node.i(name));
  if (node.has_input(kPastLength)) return "input past_sequence_length";
  if (node.i("num_heads") <= 0) return cat("num_heads is ", node.i("num_heads"));
  constexpr size_t kFloats[] = {kInput, kWeights, kBias, kPast, kAttentionBias};
  return one_float_type(node, caps, kFloats);
}

struct Attributes {
  int64_t heads;
  Dims sizes;  // hidden sizes of Q, K and V; empty: thirds
  float scale, filter;
  bool causal;
};

Dims hidden_sizes(const Attributes& at, int64_t columns) {
  const Dims sizes = at.sizes.empty() ? Dims(3, columns / 3) : at.sizes;
  require(sizes.size() == 3 && sizes[0] == sizes[1] && sizes[0] + sizes[1] + sizes[2] == columns,
          "hidden sizes of ", sizes, " for weights with ", columns, " columns");
  for (const int64_t s : sizes)
    require(s > 0 && s % at.heads == 0, "a hidden size of ", s, " for ", at.heads, " heads");
  return sizes;
}

// Queries, keys and values of all tokens, one row each.
Ref project(Emit& emit) {
  const Operand &x = emit.in()[kInput], &w = emit.in()[kWeights];
  require(x.rank() == 3 && w.rank() == 2 && x.dims[2] == w.dims[0], "input of shape ", x.dims,
          " and weights of ", w.dims);
  require(!emit.has_in(kBias) || emit.in()[kBias].dims == Dims{w.dims[1]},
          "the bias does not fit the weights");
  Product p;
  p.dtype = x.dtype;
  p.m = x.dims[0] * x.dims[1];
  p.k = x.dims[2];
  p.n = w.dims[1];
  p.a = {emit.in_ref(kInput), p.k, 1, {}};
  p.b = {emit.in_ref(kWeights), p.n, 1, {}};
  if (emit.has_in(kBias)) p.c = Strided{emit.in_ref(kBias), 0, 1, {}};
  p.y = emit.scratch(uint64_t(sdk::element_count(Dims{p.m, p.n})) * dtype_bytes(p.dtype));
  emit_product(emit, p);
  return p.y;
}

void emit_attention(Emit& emit, const Attributes& at) {
  const Operand &x = emit.in()[kInput], &w = emit.in()[kWeights];
  require(x.rank() == 3 && w.rank() == 2, "input of shape ", x.dims, " and weights of ", w.dims);
  const int64_t batch = x.dims[0], tokens = x.dims[1], columns = w.dims[1];
  const Dims sizes = hidden_sizes(at, columns);
  const bool has_past = emit.has_in(kPast);
  const int64_t old = has_past && emit.in()[kPast].rank() == 5 ? emit.in()[kPast].dims[3] : 0,
                total = old + tokens;
  const int64_t size = sizes[0] / at.heads, value_size = sizes[2] / at.heads;
  require(!has_past || emit.in()[kPast].dims == Dims{2, batch, at.heads, old, size}, "past of shape ",
          has_past ? emit.in()[kPast].dims : Dims());
  require(size == value_size || (!has_past && !wants(emit, 1)),
          "past and present need keys as large as values");

  const Ref rows = project(emit);
  int64_t column = 0, past_at = 0;
  const auto part = [&](int64_t part_size, bool cached) {
    HeadRows r{.dtype = x.dtype, .batch = batch, .heads = at.heads, .tokens = tokens, .size = part_size};
    r.x = {rows, column, tokens * columns, part_size, columns};
    r.rows = cached ? total : tokens;
    r.old = cached ? old : 0;
    if (cached && has_past) {
      r.past = emit.in_ref(kPast);
      r.past_at = past_at;
      past_at += batch * at.heads * old * part_size;
    }
    column += at.heads * part_size;
    return emit_heads(emit, r);
  };
  Attend a{.dtype = x.dtype,
           .batch = batch,
           .heads = at.heads,
           .kv_heads = at.heads,
           .queries = tokens,
           .keys = total,
           .size = size,
           .value_size = value_size};
  a.q = part(size, false);
  a.k = part(size, true);
  a.v = part(value_size, true);
  a.y = emit.out_ref(0);
  a.packed = true;
  a.scale = scale_of(at.scale, size);
  a.past = old;
  a.causal = at.causal;
  if (emit.has_in(kMask)) a.padding = padding_in(emit, kMask, a, at.filter);
  if (emit.has_in(kAttentionBias)) a.mask = bias_in(emit, kAttentionBias, a, total);
  emit_attend(emit, a);
  if (!wants(emit, 1)) return;
  const int64_t n = sdk::element_count(Dims{batch, at.heads, total, size});
  copy_box(emit, a.k.ref, emit.out_ref(1), x.dtype, {{n}, {1}, {1}});
  copy_box(emit, a.v.ref, emit.out_ref(1), x.dtype, {{n}, {1}, {1}, 0, n});
}

Compiled compile(const Node& node, Uploads&) {
  const Attributes at{node.i("num_heads"), node.ints("qkv_hidden_sizes"), node.f("scale", 0),
                      node.f("mask_filter_value", -10000), node.i("unidirectional") != 0};
  Compiled c;
  c.emit = [at](Emit& emit) { emit_attention(emit, at); };
  return c;
}

}  // namespace attention

// ---------------------------------------------------------------------------- MultiHeadAttention

namespace multi_head {

enum : size_t {
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

std::string supports(const Node& node, const Caps& caps) {
  if (node.has_input(kPastLength)) return "input past_sequence_length";
  if (node.has_input(kBeams)) return "input cache_indirection";
  if (node.i("num_heads") <= 0) return cat("num_heads is ", node.i("num_heads"));
  constexpr size_t kFloats[] = {kQuery, kKey, kValue, kBias, kAttentionBias, kPastKey, kPastValue};
  return one_float_type(node, caps, kFloats);
}

struct Attributes {
  int64_t heads;
  float scale, filter;
  bool causal;
};

// Where queries, keys and values lie in the inputs.
struct Layout {
  int64_t batch = 0, queries = 0, keys = 0, size = 0, value_size = 0;
  Heads q = {}, k = {}, v = {};
  bool finished = false;  // keys and values are by heads, and have their bias
};

// Part `which` of `parts` that are interleaved by head: (batch, tokens, heads, parts, size).
Heads interleaved(Ref ref, int64_t which, int64_t parts, int64_t heads, int64_t tokens, int64_t size) {
  const int64_t token = heads * parts * size;
  return {ref, which * size, tokens * token, parts * size, token};
}

Layout layout_of(Emit& emit, int64_t heads) {
  const auto dims = [&](size_t i) { return emit.has_in(i) ? emit.in()[i].dims : Dims(); };
  const Dims q = dims(kQuery), k = dims(kKey), v = dims(kValue);
  const Ref query = emit.in_ref(kQuery);
  if (q.size() == 5) {
    require(k.empty() && v.empty() && q[2] == heads && q[3] == 3, "packed query of shape ", q);
    const auto part = [&](int64_t which) { return interleaved(query, which, 3, heads, q[1], q[4]); };
    return {q[0], q[1], q[1], q[4], q[4], part(0), part(1), part(2)};
  }
  require(q.size() == 3 && q[2] % heads == 0, "query of shape ", q, " for ", heads, " heads");
  Layout l{.batch = q[0], .queries = q[1], .size = q[2] / heads};
  l.q = packed_heads(query, heads, l.queries, l.size);
  require(!k.empty() && k[0] == l.batch, "query and key of shapes ", q, " and ", k);
  if (k.size() == 5) {
    require(v.empty() && k[2] == heads && k[3] == 2 && k[4] == l.size, "packed key of shape ", k);
    l.keys = k[1];
    l.value_size = l.size;
    l.k = interleaved(emit.in_ref(kKey), 0, 2, heads, l.keys, l.size);
    l.v = interleaved(emit.in_ref(kKey), 1, 2, heads, l.keys, l.size);
    return l;
  }
  l.finished = k.size() == 4;
  const size_t tokens = l.finished ? 2 : 1;
  require(k.size() == v.size() && (l.finished || k.size() == 3) && v[0] == l.batch && k[tokens] == v[tokens],
          "key and value of shapes ", k, " and ", v);
  l.keys = k[tokens];
  require(l.finished ? k[1] == heads && v[1] == heads && k[3] == l.size : k[2] == q[2] && v[2] % heads == 0,
          "query, key and value of shapes ", q, ", ", k, " and ", v);
  l.value_size = l.finished ? v[3] : v[2] / heads;
  const auto place = l.finished ? by_heads : packed_heads;
  l.k = place(emit.in_ref(kKey), heads, l.keys, l.size);
  l.v = place(emit.in_ref(kValue), heads, l.keys, l.value_size);
  return l;
}

void emit_attention(Emit& emit, const Attributes& at) {
  const Layout l = layout_of(emit, at.heads);
  require(emit.has_in(kPastKey) == emit.has_in(kPastValue), "past_key and past_value go together");
  const bool has_past = emit.has_in(kPastKey);
  require(!has_past || !l.finished, "a past beside keys that are one already");
  const int64_t old = has_past && emit.in()[kPastKey].rank() == 4 ? emit.in()[kPastKey].dims[2] : 0;
  if (at.causal && l.queries != l.keys)
    unsupported("attribute unidirectional = 1 with ", l.queries, " queries for ", l.keys, " new keys");
  const int64_t hidden = at.heads * l.size;
  const bool has_bias = emit.has_in(kBias);
  require(!has_bias || emit.in()[kBias].dims == Dims{2 * hidden + at.heads * l.value_size}, "bias of shape ",
          has_bias ? emit.in()[kBias].dims : Dims());
  Attend a{.dtype = emit.out()[0].dtype,
           .batch = l.batch,
           .heads = at.heads,
           .kv_heads = at.heads,
           .queries = l.queries,
           .keys = old + l.keys,
           .size = l.size,
           .value_size = l.value_size};
  // Rows where they are when nothing is done to them and products can read them, else written by heads.
  const auto rows = [&](const Heads& x, int64_t tokens, int64_t size, int64_t bias_at, bool cached,
                        size_t past) {
    const bool wanted = cached && wants(emit, past - kPastKey + 1), add = has_bias && !(cached && l.finished);
    if (!wanted && !add && x.at == 0 && !(cached && has_past)) return x;
    HeadRows r{.dtype = a.dtype, .batch = a.batch, .heads = a.heads, .tokens = tokens, .size = size, .x = x};
    r.rows = tokens;
    if (add) r.bias = emit.in_ref(kBias);
    r.bias_at = bias_at;
    if (cached && has_past) {
      const Dims expected{a.batch, a.heads, old, size};
      require(emit.in()[past].dims == expected, "a past of shape ", emit.in()[past].dims, ", not ", expected);
      r.past = emit.in_ref(past);
      r.old = old;
      r.rows += old;
    }
    if (!wanted) return emit_heads(emit, r);
    const Ref y = emit.out_ref(past - kPastKey + 1);
    emit_heads(emit, r, y);
    return by_heads(y, r.heads, r.rows, size);
  };
  a.q = rows(l.q, l.queries, l.size, 0, false, 0);
  a.k = rows(l.k, l.keys, l.size, hidden, true, kPastKey);
  a.v = rows(l.v, l.keys, l.value_size, 2 * hidden, true, kPastValue);
  a.y = emit.out_ref(0);
  a.packed = true;
  a.scale = scale_of(at.scale, l.size);
  a.past = old;
  a.causal = at.causal;
  if (emit.has_in(kMask)) a.padding = padding_in(emit, kMask, a, at.filter);
  if (emit.has_in(kAttentionBias)) a.mask = bias_in(emit, kAttentionBias, a, a.keys);
  if (wants(emit, 3)) {
    a.show = Attend::kMasked;
    a.shown = emit.out_ref(3);
    a.shown_keys = a.keys;
  }
  emit_attend(emit, a);
}

Compiled compile(const Node& node, Uploads&) {
  const Attributes at{node.i("num_heads"), node.f("scale", 0), node.f("mask_filter_value", -10000),
                      node.i("unidirectional") != 0};
  Compiled c;
  c.emit = [at](Emit& emit) { emit_attention(emit, at); };
  return c;
}

}  // namespace multi_head

// --------------------------------------------------------------------------- GroupQueryAttention

namespace group_query {

enum : size_t {
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

std::string supports(const Node& node, const Caps& caps) {
  if (node.i("sliding_window_cache")) return "attribute sliding_window_cache = 1";
  for (const char* name : {"k_quant_type", "v_quant_type"})
    if (node.s(name, "NONE") != "NONE") return cat("attribute ", name, " = ", node.s(name));
  if (node.has_input(kQueryNorm) || node.has_input(kKeyNorm)) return "input q_norm_weight";
  const int64_t heads = node.i("num_heads"), kv_heads = node.i("kv_num_heads");
  if (heads <= 0 || kv_heads <= 0 || heads % kv_heads)
    return cat(heads, " heads of queries for ", kv_heads, " of keys");
  constexpr size_t kFloats[] = {kQuery, kKey, kValue,         kPastKey, kPastValue,
                                kCos,   kSin, kAttentionBias, kSink};
  return one_float_type(node, caps, kFloats);
}

struct Attributes {
  int64_t heads, kv_heads, window, show;
  float scale, cap;
  bool causal, rotary, interleaved, smooth;
};

Rotation rotation_of(Emit& emit, const Attributes& at, const Attend& a) {
  require(emit.has_in(kCos) && emit.has_in(kSin), "do_rotary needs cos_cache and sin_cache");
  const Dims& d = emit.in()[kCos].dims;
  require(d.size() == 2 && d == emit.in()[kSin].dims && 2 * d[1] <= a.size, "cos_cache of shape ", d,
          " and sin_cache of ", emit.in()[kSin].dims, " for heads of ", a.size);
  Rotation turn{.positions = Rotation::kBehindCache,
                .cosines = emit.in_ref(kCos),
                .sines = emit.in_ref(kSin),
                .pairs = d[1],
                .limit = d[0],
                .interleaved = at.interleaved};
  if (!emit.has_in(kPositions)) return turn;
  require(emit.in()[kPositions].dims == Dims{a.batch, a.queries}, "position_ids has the wrong shape");
  turn.positions = Rotation::kIds;
  turn.ids = emit.in_ref(kPositions);
  return turn;
}

void emit_attention(Emit& emit, const Attributes& at) {
  const Dims& q = emit.in()[kQuery].dims;
  const bool packed = !emit.has_in(kKey);
  const int64_t all = packed ? at.heads + 2 * at.kv_heads : at.heads;
  require(q.size() == 3 && q[2] % all == 0, "query of shape ", q, " for ", all, " heads");
  Attend a{.dtype = emit.out()[0].dtype,
           .batch = q[0],
           .heads = at.heads,
           .kv_heads = at.kv_heads,
           .queries = q[1],
           .size = q[2] / all,
           .value_size = q[2] / all};
  const Dims kv{a.batch, a.queries, a.kv_heads * a.size};
  require(packed == !emit.has_in(kValue) &&
              (packed || (emit.in()[kKey].dims == kv && emit.in()[kValue].dims == kv)),
          "key and value do not have the shape ", kv);
  require(emit.has_in(kPastKey) == emit.has_in(kPastValue), "past_key and past_value go together");
  const bool has_past = emit.has_in(kPastKey);
  const int64_t old = has_past && emit.in()[kPastKey].rank() == 4 ? emit.in()[kPastKey].dims[2] : 0;
  // Without a cache that somebody wants, there is room for everything.
  a.keys = wants(emit, 1) ? emit.out()[1].dims[2] : wants(emit, 2) ? emit.out()[2].dims[2] : old + a.queries;
  require(a.keys >= old && a.keys <= old + a.queries, "a cache of ", a.keys, " rows with a past of ", old,
          " and ", a.queries, " tokens");
  require(emit.in()[kLengths].count() == a.batch, "seqlens_k does not have one entry per batch item");
  a.lengths = {Lengths::kLastKey, emit.in_ref(kLengths), HRT_NONE, emit.in_ref(kTotal)};
  if (emit.has_in(kQueryLengths)) {
    require(emit.in()[kQueryLengths].count() == a.batch,
            "query_seqlens does not have one entry per batch item");
    a.lengths.counts = emit.in_ref(kQueryLengths);
  }
  check_lengths(emit, a.lengths, "seqlens_k", a.batch, a.keys, a.queries, old);
  std::optional<Rotation> turn;
  if (at.rotary) turn = rotation_of(emit, at, a);

  // The rows of `heads` heads: the queries as they come, keys and values behind those of the cache.
  const auto rows = [&](size_t input, int64_t first, int64_t heads, size_t past, bool turned) {
    const Heads x = packed || input == kQuery ? Heads{emit.in_ref(kQuery), first * a.size,
                                                      a.queries * all * a.size, a.size, all * a.size}
                                              : packed_heads(emit.in_ref(input), heads, a.queries, a.size);
    const bool cached = input != kQuery;
    HeadRows r{
        .dtype = a.dtype, .batch = a.batch, .heads = heads, .tokens = a.queries, .size = a.size, .x = x};
    r.rows = a.queries;
    if (turned) r.rotation = turn;
    if (!cached && !turned) return x;
    r.lengths = a.lengths;
    r.keys = a.keys;
    r.cached = cached;
    if (cached) {
      r.rows = a.keys;
      r.old = old;
    }
    if (cached && has_past) {
      const Dims expected{a.batch, heads, old, a.size};
      require(emit.in()[past].dims == expected, "a past of shape ", emit.in()[past].dims, ", not ", expected);
      r.past = emit.in_ref(past);
    }
    const size_t present = past - kPastKey + 1;
    if (!cached || !wants(emit, present)) return emit_heads(emit, r);
    emit_heads(emit, r, emit.out_ref(present));
    return by_heads(emit.out_ref(present), heads, r.rows, a.size);
  };
  a.q = rows(kQuery, 0, at.heads, 0, at.rotary);
  a.k = rows(kKey, at.heads, at.kv_heads, kPastKey, at.rotary);
  a.v = rows(kValue, at.heads + at.kv_heads, at.kv_heads, kPastValue, false);
  a.y = emit.out_ref(0);
  a.packed = true;
  a.scale = scale_of(at.scale, a.size);
  a.cap = at.cap;
  a.causal = at.causal;
  a.left = at.window > 0 ? at.window - 1 : -1;
  if (emit.has_in(kAttentionBias))
    a.mask = bias_in(emit, kAttentionBias, a, emit.in()[kAttentionBias].dims.back());
  if (emit.has_in(kSink)) {
    require(emit.in()[kSink].dims == Dims{a.heads}, "head_sink of shape ", emit.in()[kSink].dims);
    a.sink_kind = Attend::kOfHead;
    a.sink = floats_in(emit, kSink);
  } else if (at.smooth) {
    a.sink_kind = Attend::kZero;
  }
  if (wants(emit, 3)) {
    a.show = at.show == 2 ? Attend::kSoftmax : Attend::kMasked;
    a.shown = emit.out_ref(3);
    a.shown_keys = emit.out()[3].dims.back();
  }
  emit_attend(emit, a);
}

Compiled compile(const Node& node, Uploads&) {
  const Attributes at{.heads = node.i("num_heads"),
                      .kv_heads = node.i("kv_num_heads"),
                      .window = node.i("local_window_size", -1),
                      .show = node.i("qk_output"),
                      .scale = node.f("scale", 0),
                      .cap = node.f("softcap", 0),
                      .causal = node.i("causal", 1) != 0,
                      .rotary = node.i("do_rotary") != 0,
                      .interleaved = node.i("rotary_interleaved") != 0,
                      .smooth = node.i("smooth_softmax", -1) > 0};
  require(at.window == -1 || (at.window > 0 && at.causal), "local_window_size is ", at.window);
  require(at.show >= 0 && at.show <= 2, "qk_output is ", at.show);
  Compiled c;
  c.emit = [at](Emit& emit) { emit_attention(emit, at); };
  return c;
}

}  // namespace group_query

constexpr Op kOps[] = {
    {"com.microsoft", "Attention", attention::supports, attention::compile},
    {"com.microsoft", "MultiHeadAttention", multi_head::supports, multi_head::compile},
    {"com.microsoft", "GroupQueryAttention", group_query::supports, group_query::compile},
};

}  // namespace

std::span<const Op> contrib_attention_ops() { return kOps; }

}  // namespace hrt::gpu
