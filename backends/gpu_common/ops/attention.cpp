// SPDX-License-Identifier: Apache-2.0
// Attention of ONNX, with a cache of keys and values, masks, windows and a soft cap.
// https://onnx.ai/onnx/operators/onnx__Attention.html
#include <cmath>

#include "backends/gpu_common/ops/attention.h"
#include "backends/gpu_common/ops/cast.h"

namespace hrt::gpu {
namespace {

enum : size_t { kQ, kK, kV, kMask, kPastKey, kPastValue, kNonpad };  // inputs
enum : size_t { kY, kPresentKey, kPresentValue, kScores };           // outputs

std::string supports(const Node& node, const Caps& caps) {
  constexpr size_t kFloats[] = {kQ, kK, kV, kPastKey, kPastValue};
  if (std::string reason = one_float_type(node, caps, kFloats); !reason.empty()) return reason;
  if (!node.has_input(kMask)) return "";
  return castable(Graph(node.graph()).value(node.input(kMask)).dtype(), caps);
}

struct Attributes {
  int64_t q_heads, kv_heads, left, right;
  float scale, cap;  // scale 0: by the size of heads
  bool causal;
  Attend::Stage stage;
};

// A tensor (batch, heads, tokens, size) or (batch, tokens, heads * size).
struct Tokens {
  int64_t heads, tokens, size;
  Heads rows;

  Tokens(Emit& emit, size_t input, int64_t given) {
    const Dims& d = emit.in()[input].dims;
    const Ref ref = emit.in_ref(input);
    if (d.size() == 4) {
      heads = d[1], tokens = d[2], size = d[3];
      rows = by_heads(ref, heads, tokens, size);
      return;
    }
    require(d.size() == 3 && given > 0 && d[2] % given == 0, "an input of shape ", d, " for ", given,
            " heads");
    heads = given, tokens = d[1], size = d[2] / given;
    rows = packed_heads(ref, heads, tokens, size);
  }
};

// Keys or values behind those of the past, where there is one, or where somebody wants them.
Heads with_past(Emit& emit, const Tokens& now, size_t past, size_t present, int64_t total) {
  if (!emit.has_in(past) && !wants(emit, present)) return now.rows;
  const int64_t batch = emit.in()[kQ].dims[0], old = total - now.tokens;
  HeadRows r{.dtype = emit.out()[0].dtype,
             .batch = batch,
             .heads = now.heads,
             .tokens = now.tokens,
             .size = now.size,
             .x = now.rows,
             .rows = total,
             .old = old};
  if (emit.has_in(past)) {
    const Dims wanted{batch, now.heads, old, now.size};
    require(emit.in()[past].dims == wanted, "a past of shape ", emit.in()[past].dims, ", not ", wanted);
    r.past = emit.in_ref(past);
  }
  if (!wants(emit, present)) return emit_heads(emit, r);
  emit_heads(emit, r, emit.out_ref(present));
  return by_heads(emit.out_ref(present), now.heads, total, now.size);
}

void emit_attention(Emit& emit, const Attributes& at) {
  const Tokens q(emit, kQ, at.q_heads), k(emit, kK, at.kv_heads), v(emit, kV, at.kv_heads);
  require(k.tokens == v.tokens && k.heads == v.heads && k.size == q.size, "Q, K and V of shapes ",
          emit.in()[kQ].dims, ", ", emit.in()[kK].dims, " and ", emit.in()[kV].dims);
  require(emit.has_in(kPastKey) == emit.has_in(kPastValue), "past_key and past_value go together");
  const int64_t past =
      emit.has_in(kPastKey) && emit.in()[kPastKey].rank() == 4 ? emit.in()[kPastKey].dims[2] : 0;
  Attend a{.dtype = emit.out()[0].dtype,
           .batch = emit.in()[kQ].dims[0],
           .heads = q.heads,
           .kv_heads = k.heads,
           .queries = q.tokens,
           .keys = past + k.tokens,
           .size = q.size,
           .value_size = v.size};
  for (const size_t i : {kK, kV})
    require(emit.in()[i].dims[0] == a.batch, "Q, K and V differ in their batch");
  a.q = q.rows;
  a.k = with_past(emit, k, kPastKey, kPresentKey, a.keys);
  a.v = with_past(emit, v, kPastValue, kPresentValue, a.keys);
  a.y = emit.out_ref(kY);
  a.packed = emit.in()[kQ].rank() == 3;
  a.scale = at.scale != 0 ? at.scale : 1 / std::sqrt(float(q.size));
  a.cap = at.cap;
  a.past = past;
  a.causal = at.causal;
  a.left = at.left;
  a.right = at.right;
  if (emit.has_in(kMask)) a.mask = mask_in(emit, kMask, a);
  if (emit.has_in(kNonpad)) {
    require(emit.in()[kNonpad].dims == Dims{a.batch},
            "nonpad_kv_seqlen does not have one entry per batch item");
    require(past == 0, "nonpad_kv_seqlen and past_key exclude each other");
    a.lengths = {Lengths::kKeys, emit.in_ref(kNonpad)};
    check_lengths(emit, a.lengths, "nonpad_kv_seqlen", a.batch, a.keys, a.queries, past);
  }
  if (wants(emit, kScores)) {
    a.show = at.stage;
    a.shown = emit.out_ref(kScores);
    a.shown_keys = a.keys;
  }
  emit_attend(emit, a);
}

Compiled compile(const Node& node, Uploads&) {
  const int64_t mode = node.i("qk_matmul_output_mode");
  require(mode >= 0 && mode <= 3, "qk_matmul_output_mode is ", mode);
  Attributes at{.q_heads = node.i("q_num_heads"),
                .kv_heads = node.i("kv_num_heads"),
                .left = node.i("left_window_size", -1),
                .right = node.i("right_window_size", -1),
                .scale = node.f("scale", 0),
                .cap = node.f("softcap", 0),
                .causal = node.i("is_causal") != 0,
                .stage = Attend::Stage(Attend::kScaled + mode)};
  require(at.left >= -1 && at.right >= -1, "window sizes of ", at.left, " and ", at.right);
  Compiled c;
  c.emit = [at](Emit& emit) { emit_attention(emit, at); };
  return c;
}

}  // namespace

std::span<const Op> attention_ops() {
  static const std::vector<Op> rows = [] {
    std::vector<Op> r{{"", "Attention", supports, compile}};
    for (const auto more : {contrib_attention_ops, rotary_ops, linear_attention_ops})
      r.insert(r.end(), more().begin(), more().end());
    return r;
  }();
  return rows;
}

}  // namespace hrt::gpu
