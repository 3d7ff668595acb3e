// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/attend.h"

#include <algorithm>

#include "backends/gpu_common/ops/cast.h"
#include "backends/gpu_common/ops/product.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/strided.h"
#include "backends/gpu_common/ops/turns.h"

namespace hrt::gpu {
namespace {

constexpr int64_t kVector = 4;

Ref bound(Ref ref, Ref otherwise) { return ref != HRT_NONE ? ref : otherwise; }

void push_ints(Call& call, std::initializer_list<int64_t> values) {
  for (const int64_t v : values) call.push.push_back(push_int(v));
}

}  // namespace

Heads by_heads(Ref ref, int64_t heads, int64_t tokens, int64_t size) {
  return {ref, 0, heads * tokens * size, tokens * size, size};
}

Heads packed_heads(Ref ref, int64_t heads, int64_t tokens, int64_t size) {
  return {ref, 0, tokens * heads * size, size, heads * size};
}

void check_lengths(Emit& emit, const Lengths& lengths, std::string what, int64_t batch, int64_t keys,
                   int64_t tokens, int64_t old) {
  Call call = element_call("check_lengths", "", batch);
  call.constants = {lengths.kind, lengths.counts != HRT_NONE, lengths.total != HRT_NONE};
  push_ints(call, {batch, keys, tokens, old});
  call.buffers = {lengths.keys, bound(lengths.counts, lengths.keys), bound(lengths.total, lengths.keys),
                  emit.fault(sdk::cat("a length does not fit a cache of ", keys, " keys"), std::move(what))};
  call.writes = 1u << 3;
  emit.dispatch(std::move(call));
}

void emit_heads(Emit& emit, const HeadRows& r, Ref y) {
  const int64_t n = sdk::element_count(Dims{r.batch, r.heads, r.rows, r.size});
  const Rotation turn = r.rotation.value_or(Rotation{});
  Call call = element_call("heads", type_variant(r.dtype), n);
  call.constants = {r.packed,
                    r.past != HRT_NONE ? 1
                    : r.cached         ? 2
                                       : 0,
                    r.bias != HRT_NONE,
                    r.rotation ? (turn.interleaved ? 2 : 1) : 0,
                    turn.positions,
                    r.lengths.kind,
                    r.lengths.counts != HRT_NONE};
  push_ints(call, {n, r.heads, r.rows, r.size, r.tokens, r.old, r.x.at, r.x.batch, r.x.head, r.x.token,
                   r.past_at, r.bias_at, turn.pairs, turn.limit, r.keys});
  const Ref x = r.x.ref;
  call.buffers = {
      x,
      bound(r.past, x),
      bound(r.bias, x),
      bound(turn.cosines, x),
      bound(turn.sines, x),
      bound(turn.ids, x),
      bound(r.lengths.keys, x),
      bound(r.lengths.counts, x),
      y,
      r.rotation ? emit.fault(sdk::cat("a position is outside the cache of ", turn.limit), "the tokens") : y};
  call.writes = 1u << 8;
  emit.dispatch(std::move(call));
}

Heads emit_heads(Emit& emit, const HeadRows& r) {
  const int64_t n = sdk::element_count(Dims{r.batch, r.heads, r.rows, r.size});
  const Ref y = emit.scratch(uint64_t(n) * dtype_bytes(r.dtype));
  emit_heads(emit, r, y);
  return by_heads(y, r.heads, r.rows, r.size);
}

namespace {

// What kernels/attend.h is told: its constants and push words, and its buffers.
void tell(Call& call, const Attend& a, Ref otherwise) {
  const int32_t mask = a.mask.ref == HRT_NONE ? 0 : a.mask.keeps ? 2 : 1;
  for (const int32_t c : {int32_t(a.lengths.kind), int32_t(a.lengths.counts != HRT_NONE), int32_t(a.causal),
                          mask, int32_t(a.padding.kind), int32_t(a.cap > 0), int32_t(a.sink_kind)})
    call.constants.push_back(c);
  push_ints(call, {a.queries, a.heads, a.keys, a.past, a.left, a.right, a.mask.batch, a.mask.head,
                   a.mask.query, a.mask.keys, a.padding.batch, a.padding.query, a.batch});
  call.push.push_back(push_float(a.cap));
  call.push.push_back(push_float(a.padding.filter));
  for (const Ref ref : {a.mask.ref, a.padding.ref, a.lengths.keys, a.lengths.counts, a.sink})
    call.buffers.push_back(bound(ref, otherwise));
}

// Elements that rows span, from the start of their tensor.
int64_t reach(const Heads& h, int64_t batch, int64_t heads, int64_t tokens, int64_t size) {
  if (batch * heads * tokens == 0) return 0;
  return h.at + (batch - 1) * h.batch + (heads - 1) * h.head + (tokens - 1) * h.token + size;
}

void softmax(Emit& emit, const Attend& a, Ref scores) {
  const int64_t rows = a.batch * a.heads * a.queries;
  const int32_t lanes = row_lanes(emit.caps(), rows, a.keys, true);
  Call call = row_call(emit.caps(), "attention_softmax", type_variant(a.dtype), lanes, rows);
  push_ints(call, {rows, a.shown_keys});
  call.buffers = {scores};
  tell(call, a, scores);
  call.constants.push_back(a.show);
  call.constants.push_back(a.keys % kVector == 0);
  call.buffers.push_back(bound(a.shown, scores));
  call.buffers.push_back(scores);
  call.writes = 1 | 1u << 7 | (a.show ? 1u << 6 : 0);
  emit.dispatch(std::move(call));
}

// By two products with the softmax of all scores between them, in floats.
void emit_by_products(Emit& emit, const Attend& a) {
  const auto floats = [&](const Heads& h, int64_t heads, int64_t tokens, int64_t size) {
    Heads f = h;
    f.ref = cast_to(emit, h.ref, a.dtype, HRT_FLOAT32, reach(h, a.batch, heads, tokens, size));
    return f;
  };
  const Heads q = floats(a.q, a.heads, a.queries, a.size), k = floats(a.k, a.kv_heads, a.keys, a.size),
              v = floats(a.v, a.kv_heads, a.keys, a.value_size);
  const int64_t group = a.heads / a.kv_heads;
  const int64_t scores = sdk::element_count(Dims{a.batch, a.heads, a.queries, a.keys});
  Product p;
  p.dims = {a.batch, a.kv_heads, group};
  p.m = a.queries;
  p.n = a.keys;
  p.k = a.size;
  p.alpha = a.scale;
  p.a = {q.ref, q.token, 1, {q.batch, q.head * group, q.head}};
  p.b = {k.ref, 1, k.token, {k.batch, k.head, 0}};
  p.y = emit.scratch(uint64_t(scores) * sizeof(float));
  emit_product(emit, p);
  softmax(emit, a, p.y);

  const int64_t n = sdk::element_count(Dims{a.batch, a.heads, a.queries, a.value_size});
  p.n = a.value_size;
  p.k = a.keys;
  p.alpha = 1;
  const int64_t one = a.queries * a.keys;
  p.a = {p.y, a.keys, 1, {a.heads * one, group * one, one}};
  p.b = {v.ref, v.token, 1, {v.batch, v.head, 0}};
  // One head, or one query: packed and by heads are the same.
  const bool as_it_is = !a.packed || a.heads == 1 || a.queries == 1;
  const bool floats_out = a.dtype == HRT_FLOAT32;
  p.y = as_it_is && floats_out ? a.y : emit.scratch(uint64_t(n) * sizeof(float));
  emit_product(emit, p);
  if (as_it_is && floats_out) return;
  if (as_it_is) return cast_into(emit, p.y, HRT_FLOAT32, a.y, a.dtype, n);
  const Ref y = cast_to(emit, p.y, HRT_FLOAT32, a.dtype, n);
  const Heads from = by_heads(y, a.heads, a.queries, a.value_size),
              to = packed_heads(a.y, a.heads, a.queries, a.value_size);
  copy_box(emit, y, a.y, a.dtype,
           {{a.batch, a.heads, a.queries, a.value_size},
            {from.batch, from.head, from.token, 1},
            {to.batch, to.head, to.token, 1}});
}

// A tensor's rows as rows of whole vectors of floats, zero behind their ends; strides count vectors.
Heads in_vectors(Emit& emit, const Attend& a, const Heads& h, int64_t heads, int64_t tokens, int64_t size) {
  const int64_t strides = h.at | h.batch | h.head | h.token | size;
  if (a.dtype == HRT_FLOAT32 && strides % kVector == 0)
    return {h.ref, h.at / kVector, h.batch / kVector, h.head / kVector, h.token / kVector};
  require(h.at == 0, "rows that do not begin with their tensor");
  const int64_t width = round_up(size, kVector), n = sdk::element_count(Dims{a.batch, heads, tokens, width});
  Call call = element_call("gemm_pack", type_variant(a.dtype), n);
  push_ints(call, {n, width, 1, tokens, size, tokens, 1, h.token, a.batch, heads, 0, h.batch, h.head});
  const Ref to = emit.scratch(uint64_t(n) * sizeof(float));
  call.buffers = {h.ref, to};
  call.writes = 2;
  emit.dispatch(std::move(call));
  return by_heads(to, heads, tokens, width / kVector);
}

// Vectors of a query that a turn of the online kernel's inner loop takes.
int64_t vectors_a_turn(const Attend& a) {
  const int64_t vectors = ceil_div(a.size, kVector);
  return vectors % 4 == 0 ? 4 : vectors % 2 == 0 ? 2 : 1;
}
int64_t online_turns(const Attend& a) {
  constexpr int64_t kKeys = 4;  // of kernels/attention.comp
  return ceil_div(a.keys, kKeys) * (ceil_div(a.size, kVector) / vectors_a_turn(a) + 1);
}

// Key by key, without all scores.
void emit_online(Emit& emit, const Attend& a) {
  constexpr int64_t kMostValues = 16, kQueries = 4;  // vectors, rows in registers
  require(a.show == Attend::kNothing, "no kernel shows scores that it never has");
  require_turns(emit.caps(), online_turns(a));
  const Heads q = in_vectors(emit, a, a.q, a.heads, a.queries, a.size),
              k = in_vectors(emit, a, a.k, a.kv_heads, a.keys, a.size),
              v = in_vectors(emit, a, a.v, a.kv_heads, a.keys, a.value_size);
  const int64_t queries = a.queries >= kQueries ? kQueries : 1, values = ceil_div(a.value_size, kVector);
  const int64_t in_registers = std::min(values, kMostValues), blocks = ceil_div(a.queries, queries);
  push_int(sdk::element_count(Dims{a.batch, a.heads, a.queries, a.value_size}));
  Call call;
  call.kernel = "attention";
  call.variant = type_variant(a.dtype);
  call.constants = {int32_t(queries)};
  call.buffers = {q.ref, k.ref, v.ref};
  tell(call, a, q.ref);
  call.constants.push_back(int32_t(in_registers));
  call.constants.push_back(int32_t(vectors_a_turn(a)));
  call.buffers.push_back(a.y);
  call.writes = 1u << 8;
  const Heads y = a.packed ? packed_heads(a.y, a.heads, a.queries, a.value_size)
                           : by_heads(a.y, a.heads, a.queries, a.value_size);
  push_ints(call, {blocks, a.heads / a.kv_heads, ceil_div(a.size, kVector)});
  for (const Heads* h : {&q, &k, &v}) push_ints(call, {h->batch, h->head, h->token});
  push_ints(call, {y.head, y.token, a.value_size});
  call.push.push_back(push_float(a.scale));
  call.group = {emit.caps().is_cpu ? 8U : 64U, 1, 1};
  call.threads = {a.batch * a.heads * blocks, 1, ceil_div(values, in_registers)};
  call.linear = true;
  emit.dispatch(std::move(call));
}

}  // namespace

void emit_attend(Emit& emit, const Attend& a) {
  require(a.kv_heads > 0 && a.heads % a.kv_heads == 0, a.heads, " heads of queries for ", a.kv_heads,
          " of keys");
  if (sdk::element_count(Dims{a.batch, a.heads, a.queries}) == 0) return;
  const Emit::Way products = [&a](Emit& e) { emit_by_products(e, a); },
                  online = [&a](Emit& e) { emit_online(e, a); };
  if (a.show) return products(emit);
  // Few queries make products of few rows; many scores are slow to write and to read again, or do not fit.
  constexpr int64_t kFewQueries = 16, kManyScores = 8 << 20;
  const int64_t scores = sdk::element_count(Dims{a.batch, a.heads, a.queries, a.keys});
  const uint64_t most = emit.caps().max_span_bytes;
  const bool fits = most == 0 || uint64_t(scores) <= most / sizeof(float);
  if (fits && too_many_turns(emit.caps(), online_turns(a))) return products(emit);
  // Behind the keys that there are may lie anything, NaN too, which products would meet.
  if (!fits || a.lengths.kind == Lengths::kKeys) return online(emit);
  const bool first = a.queries < kFewQueries || scores > kManyScores;
  const std::array ways = first ? std::array{online, products} : std::array{products, online};
  emit.fastest(sdk::cat(Dims{a.batch, a.heads, a.kv_heads, a.queries, a.keys, a.size, a.value_size}, " ",
                        dtype_name(a.dtype)),
               ways);
}

Ref floats_in(Emit& emit, size_t i) {
  return cast_to(emit, emit.in_ref(i), emit.in()[i].dtype, HRT_FLOAT32, emit.in()[i].count());
}

Attend::Mask mask_in(Emit& emit, size_t i, const Attend& a) {
  const Operand& t = emit.in()[i];
  const Dims outer{a.batch, a.heads, a.queries};
  require(t.rank() >= 1 && t.rank() <= 4 && t.dims.back() <= a.keys, "a mask of shape ", t.dims, " for ",
          outer, " and ", a.keys, " keys");
  std::array<int64_t, 3> strides{};
  int64_t stride = t.dims.back();
  for (size_t d = 3, from = t.dims.size() - 1; from-- > 0; stride *= t.dims[from]) {
    --d;
    require(t.dims[from] == 1 || t.dims[from] == outer[d], "a mask of shape ", t.dims, " for ", outer);
    strides[d] = t.dims[from] == 1 ? 0 : stride;
  }
  return {floats_in(emit, i), t.dtype == HRT_BOOL, strides[0], strides[1], strides[2], t.dims.back()};
}

std::string one_float_type(const Node& node, const Caps& caps, std::span<const size_t> inputs) {
  const Graph graph(node.graph());
  const hrt_dtype type = graph.value(node.output(0)).dtype();
  if (type != HRT_FLOAT32 && type != HRT_FLOAT16)
    return sdk::cat("dtype ", dtype_name(type), " of the output");
  for (const size_t i : inputs)
    if (node.has_input(i) && graph.value(node.input(i)).dtype() != type)
      return sdk::cat("dtype ", dtype_name(graph.value(node.input(i)).dtype()), " of an input beside ",
                      dtype_name(type));
  return storable(type, caps);
}

}  // namespace hrt::gpu
