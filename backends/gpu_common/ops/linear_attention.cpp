// SPDX-License-Identifier: Apache-2.0
// LinearAttention and CausalConvWithState: what walks over tokens with a state.
// https://onnx.ai/onnx/operators/onnx__LinearAttention.html, onnx__CausalConvWithState.html
#include <algorithm>
#include <cmath>

#include "backends/gpu_common/ops/attention.h"
#include "backends/gpu_common/ops/cast.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/strided.h"
#include "backends/gpu_common/ops/turns.h"

namespace hrt::gpu {
namespace {

// -------------------------------------------------------------------------------- LinearAttention

enum : size_t { kQuery, kKey, kValue, kPastState, kDecay, kBeta };

struct Attributes {
  int64_t q_heads, heads;
  float scale;
  bool gated, delta;

  explicit Attributes(const Node& node)
      : q_heads(node.i("q_num_heads")), heads(node.i("kv_num_heads")), scale(node.f("scale", 0)) {
    const std::string rule = node.s("update_rule", "gated_delta");
    gated = rule == "gated" || rule == "gated_delta";
    delta = rule == "delta" || rule == "gated_delta";
    require(gated || delta || rule == "linear", "update_rule is '", rule, "'");
    require(q_heads > 0 && heads > 0 && q_heads % heads == 0, q_heads, " query heads for ", heads,
            " key and value heads");
  }
};

std::string supports(const Node& node, const Caps& caps) {
  constexpr size_t kFloats[] = {kQuery, kKey, kValue, kDecay, kBeta};
  if (std::string reason = one_float_type(node, caps, kFloats); !reason.empty()) return reason;
  const Graph graph(node.graph());
  if (node.has_input(kPastState)) return castable(graph.value(node.input(kPastState)).dtype(), caps);
  return "";
}

// 0: there is none, 1: of width a, 2: of width b.
int32_t gate_kind(const Emit& emit, size_t i, int64_t a, int64_t b) {
  if (!emit.has_in(i)) return 0;
  const Dims &d = emit.in()[i].dims, &q = emit.in()[kQuery].dims;
  require(d.size() == 3 && d[0] == q[0] && d[1] == q[1] && (d[2] == a || d[2] == b), "a gate has shape ", d);
  return d[2] == a ? 1 : 2;
}

// The state before the first token, as floats in memory of its own.
Ref first_state(Emit& emit, const Dims& dims) {
  const int64_t n = sdk::element_count(dims);
  const Ref state = emit.scratch(uint64_t(n) * sizeof(float));
  if (emit.has_in(kPastState)) {
    const Operand& past = emit.in()[kPastState];
    require(past.dims == dims, "past_state of shape ", past.dims, ", not ", dims);
    cast_into(emit, emit.in_ref(kPastState), past.dtype, state, HRT_FLOAT32, n);
    return state;
  }
  const float zero = 0;
  copy_box(emit, emit.data(&zero, sizeof zero), state, HRT_FLOAT32, {{n}, {0}, {1}});
  return state;
}

void emit_linear(Emit& emit, const Attributes& at) {
  const Dims &q = emit.in()[kQuery].dims, &k = emit.in()[kKey].dims, &v = emit.in()[kValue].dims;
  require(q.size() == 3 && v.size() == 3 && q[2] % at.q_heads == 0 && v[2] % at.heads == 0,
          "query and value of shapes ", q, " and ", v);
  const int64_t keys = q[2] / at.q_heads, values = v[2] / at.heads;
  require(k == Dims{q[0], q[1], keys * at.heads} && v == Dims{q[0], q[1], values * at.heads},
          "query, key and value of shapes ", q, ", ", k, " and ", v);
  require(at.gated == emit.has_in(kDecay) && at.delta == emit.has_in(kBeta),
          "decay and beta do not go with update_rule");
  for (const size_t i : {kQuery, kKey, kValue}) push_int(emit.in()[i].count());
  const Dims state_dims{q[0], at.heads, keys, values};
  const int64_t n = q[0] * at.heads * values;
  push_int(sdk::element_count(state_dims));
  const Ref state = first_state(emit, state_dims), query = emit.in_ref(kQuery);
  const int64_t group = at.q_heads / at.heads;
  // As many tokens a dispatch as loops have turns for.
  const int64_t turns = 1 + (keys + 1) * (group + 2), tokens = std::max<int64_t>(kMostTurns / turns, 1);
  require_turns(emit.caps(), turns);
  Call call = element_call("linear_attention", type_variant(emit.out()[0].dtype), n);
  call.constants = {gate_kind(emit, kDecay, at.heads, at.heads * keys), gate_kind(emit, kBeta, 1, at.heads)};
  for (const int64_t p : {n, q[1], int64_t{0}, q[1], at.heads, group, keys, values})
    call.push.push_back(push_int(p));
  call.push.push_back(push_float(at.scale != 0 ? at.scale : 1 / std::sqrt(float(keys))));
  const auto input = [&](size_t i) { return emit.has_in(i) ? emit.in_ref(i) : query; };
  call.buffers = {query, input(kKey), input(kValue), input(kDecay), input(kBeta), state, emit.out_ref(0)};
  call.writes = 0b1100000;
  constexpr size_t kFirst = 2, kLast = 3;  // push words
  for (int64_t token = 0; token < q[1]; token += tokens) {
    call.push[kFirst] = push_int(token);
    call.push[kLast] = push_int(std::min(token + tokens, q[1]));
    emit.dispatch(call);
  }
  if (wants(emit, 1))
    cast_into(emit, state, HRT_FLOAT32, emit.out_ref(1), emit.out()[1].dtype, sdk::element_count(state_dims));
}

Compiled compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [at = Attributes(node)](Emit& emit) { emit_linear(emit, at); };
  return c;
}

// ---------------------------------------------------------------------------- CausalConvWithState

std::string conv_supports(const Node& node, const Caps& caps) {
  const std::string act = node.s("activation", "none");
  if (act != "none" && act != "silu" && act != "swish") return sdk::cat("activation '", act, "'");
  return floats_only(node, caps);
}

void emit_conv(Emit& emit, bool swish) {
  const Dims &x = emit.in()[0].dims, &w = emit.in()[1].dims;
  require(x.size() == 3 && w.size() == 3 && w[0] == x[1] && w[1] == 1 && w[2] >= 1, "weights of shape ", w,
          " for ", x);
  require(!emit.has_in(2) || emit.in()[2].count() == x[1], "the bias does not have ", x[1], " elements");
  const Dims state{x[0], x[1], w[2] - 1};
  require(!emit.has_in(3) || emit.in()[3].dims == state, "past_state does not have shape ", state);
  push_int(emit.in()[0].count());
  const Ref from = emit.in_ref(0);
  for (const size_t output : {size_t{0}, size_t{1}}) {
    if (!wants(emit, output)) continue;
    const int64_t n = emit.out()[output].count();
    Call call = element_call("causal_conv", type_variant(emit.out()[0].dtype), n);
    call.constants = {int32_t(output), emit.has_in(3), emit.has_in(2), swish};
    for (const int64_t v : {n, x[2], w[2], x[1]}) call.push.push_back(push_int(v));
    call.buffers = {from, emit.in_ref(1), emit.has_in(2) ? emit.in_ref(2) : from,
                    emit.has_in(3) ? emit.in_ref(3) : from, emit.out_ref(output)};
    call.writes = 1u << 4;
    emit.dispatch(std::move(call));
  }
}

Compiled conv_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [swish = node.s("activation", "none") != "none"](Emit& emit) { emit_conv(emit, swish); };
  return c;
}

constexpr Op kOps[] = {{"", "LinearAttention", supports, compile},
                       {"", "CausalConvWithState", conv_supports, conv_compile}};

}  // namespace

std::span<const Op> linear_attention_ops() { return kOps; }

}  // namespace hrt::gpu
