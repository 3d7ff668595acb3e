// SPDX-License-Identifier: Apache-2.0
// Attention of ONNX: what it calls its queries, keys, values and masks is brought before attend().
// https://onnx.ai/onnx/operators/onnx__Attention.html
#include "backends/cpu/kernels/attention.h"

#include <cstring>

namespace hrt::cpu {
namespace {

enum : size_t { kQ, kK, kV, kMask, kPastKey, kPastValue, kNonpad };

// An input as heads, of rank 4 or 3.
struct Input {
  int64_t heads, sequence, size;
  bool by_tokens;

  Input(const Dims& x, int64_t count) {
    require(x.size() == 3 || x.size() == 4, "Q, K and V need rank 3 or 4, not ", int64_t(x.size()));
    by_tokens = x.size() == 3;
    heads = by_tokens ? count : x[1];
    require(heads > 0 || !by_tokens, "a number of heads of ", heads);
    require(!by_tokens || x[2] % heads == 0, "a hidden size of ", x[2], " for ", heads, " heads");
    sequence = x[by_tokens ? 1 : 2];
    size = by_tokens ? x[2] / heads : x[3];
  }
  template <class T>
  HeadRows<T> rows(T* p) const {
    return by_tokens ? cpu::by_tokens(p, heads, sequence, size) : by_heads(p, heads, sequence, size);
  }
};

// attn_mask, which broadcasts to (batch, heads, queries), with a row for each.
struct Mask {
  bool present = false, boolean = false;
  int64_t count = 0, width = 0;
  int64_t strides[3] = {};
  size_t floats = 0;  // of a boolean one, in the workspace

  Mask() = default;
  Mask(const Operand& o, const Dims& outer, int64_t keys, Scratch& scratch) : present(true) {
    const int64_t rank = o.rank();
    require(rank >= 1 && rank <= 4, "attn_mask has rank ", rank);
    width = o.dims.back();
    int64_t step = width;
    bool fits = width <= keys;
    for (int64_t d = rank - 2, axis = 2; d >= 0; --d, --axis) {
      const int64_t n = o.dims[size_t(d)];
      fits = fits && (n == 1 || n == outer[size_t(axis)]);
      strides[axis] = n == 1 ? 0 : step;
      step *= n;
    }
    require(fits, "attn_mask of shape ", o.dims, " for ", outer, " and ", keys, " keys");
    count = o.count();
    boolean = o.dtype == HRT_BOOL;
    if (boolean) floats = scratch.take(count);
  }
  Addition get(const Buffers& b) const {
    if (!present) return {};
    const float* p = boolean ? piece<float>(b, floats) : b.input<float>(kMask);
    if (boolean)
      for (int64_t i = 0; i < count; ++i)
        piece<float>(b, floats)[i] = b.input<uint8_t>(kMask)[i] ? 0.0f : -HUGE_VALF;
    return {{p, strides[0], strides[1], strides[2]}, width};
  }
};

std::string supports(const Node& node) {
  if (wanted(node, 3)) return "scores as an output";
  if (node.has_input(kMask)) {
    const hrt_dtype t = Graph(node.graph()).value(node.input(kMask)).dtype();
    if (t != HRT_FLOAT32 && t != HRT_BOOL) return sdk::cat("attn_mask of dtype ", dtype_name(t));
  }
  return floats_but(node, 1u << kMask | 1u << kNonpad);
}

Compiled compile(const Node& node) {
  struct Attrs {
    int64_t q_heads, kv_heads, left, right;
    bool causal;
    float cap;
    std::optional<float> scale;
  };
  const Attrs attrs{node.i("q_num_heads"),
                    node.i("kv_num_heads"),
                    node.i("left_window_size", -1),
                    node.i("right_window_size", -1),
                    node.i("is_causal") != 0,
                    node.f("softcap", 0),
                    scale_attr(node)};
  require(attrs.left >= -1 && attrs.right >= -1, "window sizes of ", attrs.left, " and ", attrs.right);
  Compiled c;
  c.prepare = [attrs](const Signature& sig) -> Step {
    const Input q(sig.in[kQ].dims, attrs.q_heads), k(sig.in[kK].dims, attrs.kv_heads),
        v(sig.in[kV].dims, attrs.kv_heads);
    const int64_t batch = sig.in[kQ].dims[0];
    require(sig.in[kK].dims[0] == batch && sig.in[kV].dims[0] == batch && k.sequence == v.sequence &&
                k.heads == v.heads && k.size == q.size && k.heads > 0 && q.heads % k.heads == 0,
            "Q, K and V of shapes ", sig.in[kQ].dims, ", ", sig.in[kK].dims, " and ", sig.in[kV].dims);
    AttendShape s{batch, q.heads, k.heads, q.sequence, k.sequence, k.size, v.size};
    const Cache cache(sig, kPastKey, kPastValue, s);
    s.scale = scale_of(attrs.scale, q.size);
    s.cap = attrs.cap;
    s.causal = attrs.causal;
    const int64_t most = s.keys + s.queries;  // a wider window is none
    s.left = std::min(attrs.left, most);
    s.right = std::min(attrs.right, most);
    Scratch scratch;
    const Mask mask =
        sig.has_in(kMask) ? Mask(sig.in[kMask], {batch, s.heads, s.queries}, s.keys, scratch) : Mask();
    const bool nonpad = sig.has_in(kNonpad);
    require(!nonpad || !cache.past, "nonpad_kv_seqlen and past_key exclude each other");
    if (nonpad) require_dims(sig.in[kNonpad], {batch}, "nonpad_kv_seqlen");
    const size_t lengths = scratch.take(nonpad ? 2 * batch : 0, sizeof(int64_t)), core = scratch.take(0);
    return {[=](const Buffers& b) {
              AttendOperands o{q.rows(b.input<float>(kQ)), {}, {}, {}};
              o.k[1] = k.rows(b.input<float>(kK));
              o.v[1] = v.rows(b.input<float>(kV));
              o.y = q.by_tokens ? by_tokens(b.output<float>(0), s.heads, s.queries, s.value_size)
                                : by_heads(b.output<float>(0), s.heads, s.queries, s.value_size);
              o.add[0] = mask.get(b);
              if (nonpad) {
                int64_t *keys = piece<int64_t>(b, lengths), *position = keys + s.batch;
                std::memcpy(keys, b.in[kNonpad], size_t(s.batch) * sizeof(int64_t));
                for (int64_t i = 0; i < s.batch; ++i) {
                  require(keys[i] >= 0 && keys[i] <= s.keys, "nonpad_kv_seqlen is ", keys[i], " of ", s.keys);
                  position[i] = keys[i] - s.queries;
                }
                o.keys = keys;
                o.position = position;
              }
              cache.run(b, s, o, b.workspace + core);
            },
            core + s.workspace()};
  };
  return c;
}

}  // namespace

std::span<const Op> attention_ops() {
  static const std::vector<Op> ops = [] {
    std::vector<Op> all = {{"", "Attention", supports, compile, attention_flops}};
    for (const auto part : {contrib_attention_ops(), group_query_ops()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return ops;
}

}  // namespace hrt::cpu
