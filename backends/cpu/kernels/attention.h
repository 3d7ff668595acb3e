// SPDX-License-Identifier: Apache-2.0
// What the attention operators share besides the core: pieces of a workspace, checks, the cache, and the
// masks of those of com.microsoft.
#pragma once

#include <cmath>
#include <optional>

#include "backends/cpu/kernels/attend.h"

namespace hrt::cpu {

// Pieces of a workspace, each aligned to a cache line.
class Scratch {
 public:
  size_t take(int64_t count, size_t width = sizeof(float)) {
    const size_t at = bytes_;
    bytes_ += size_t(round_up(count * int64_t(width), 64));
    return at;
  }
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_ = 0;
};
template <class T>
T* piece(const Buffers& b, size_t offset) {
  return reinterpret_cast<T*>(b.workspace + offset);
}

// A refusal for inputs that are there and not float32, but for those in `except`, by bit.
inline std::string floats_but(const Node& node, uint32_t except) {
  const Graph graph(node.graph());
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    if (!node.has_input(i) || except >> i & 1) continue;
    const hrt_dtype t = graph.value(node.input(i)).dtype();
    if (t != HRT_FLOAT32) return sdk::cat("dtype ", dtype_name(t), " of input ", i);
  }
  return "";
}

inline bool wanted(const Node& node, size_t output) { return node.output(output) != HRT_NONE; }

inline void require_dims(const Operand& o, const Dims& dims, const char* what) {
  require(o.dims == dims, what, " of shape ", o.dims, " instead of ", dims);
}

// The scale of scores: the attribute, where it is there (and, for com.microsoft, not 0).
inline float scale_of(std::optional<float> attr, int64_t size) {
  return attr ? *attr : 1 / std::sqrt(float(size));
}
inline std::optional<float> scale_attr(const Node& node) {
  if (!node.has("scale") || (!node.domain().empty() && node.f("scale") == 0)) return std::nullopt;
  return node.f("scale");
}

// Keys and values of the past, inputs (batch, kv_heads, past, size), and the outputs 1 and 2 that hold them
// and those behind them.
struct Cache {
  size_t key = 0, value = 0;  // inputs
  bool past = false, key_out = false, value_out = false;

  Cache(const Signature& sig, size_t key_input, size_t value_input, AttendShape& s)
      : key(key_input), value(value_input), past(sig.has_in(key_input)) {
    const auto is_out = [&](size_t i) { return i < sig.out.size() && sig.out[i].present(); };
    key_out = is_out(1);
    value_out = is_out(2);
    require(past == sig.has_in(value), "past_key and past_value go together");
    if (!past) return;
    require(sig.in[key].rank() == 4, "past_key does not have rank 4");
    s.past = sig.in[key].dims[2];
    s.keys += s.past;
    require_dims(sig.in[key], {s.batch, s.kv_heads, s.past, s.size}, "past_key");
    require_dims(sig.in[value], {s.batch, s.kv_heads, s.past, s.value_size}, "past_value");
  }
  void run(const Buffers& b, const AttendShape& s, AttendOperands& o, std::byte* workspace) const {
    if (past) {
      o.k[0] = by_heads(b.input<float>(key), s.kv_heads, s.past, s.size);
      o.v[0] = by_heads(b.input<float>(value), s.kv_heads, s.past, s.value_size);
    }
    attend(s, o, workspace);
    if (key_out)
      copy_rows(o.k, s.past, s.keys, s.batch, s.kv_heads, s.size,
                by_heads(b.output<float>(1), s.kv_heads, s.keys, s.size));
    if (value_out)
      copy_rows(o.v, s.past, s.keys, s.batch, s.kv_heads, s.value_size,
                by_heads(b.output<float>(2), s.kv_heads, s.keys, s.value_size));
  }
};

// ------------------------------------------------ what Attention and MultiHeadAttention of com.microsoft
// share

// mask_index or key_padding_mask as additions.
struct Padding {
  enum Kind { kNone, kLengths, kEnds, kElements } kind = kNone;
  size_t input = 0, floats = 0;
  int64_t batch = 0, queries = 1, keys = 0;
  float filter = 0;

  Padding() = default;
  Padding(const Signature& sig, size_t index, const AttendShape& s, float masked, Scratch& scratch) {
    if (!sig.has_in(index)) return;
    const Dims& d = sig.in[index].dims;
    input = index;
    batch = s.batch;
    keys = s.keys;
    filter = masked;
    if (d.size() == 1) {
      kind = d[0] == 2 * batch && d[0] != batch ? kEnds : kLengths;
      require(d[0] == batch || d[0] == 2 * batch || d[0] == 3 * batch + 2, "a mask of ", d[0],
              " lengths for a batch of ", batch);
    } else {
      kind = kElements;
      queries = d.size() == 3 ? s.queries : 1;
      require(d.size() == 3 ? d == Dims{batch, queries, keys} : d == Dims{batch, keys}, "a mask of shape ", d,
              " for ", Dims{batch, s.queries, keys});
    }
    floats = scratch.take(batch * queries * keys);
  }
  Addition get(const Buffers& b) const {
    if (kind == kNone) return {};
    const int32_t* mask = b.input<int32_t>(input);
    float* to = piece<float>(b, floats);
    for (int64_t i = 0, row = 0; row < batch * queries; ++row)
      for (int64_t j = 0; j < keys; ++j, ++i) {
        const bool seen =
            kind == kElements ? mask[i] > 0 : j < mask[row] && (kind == kLengths || j >= mask[batch + row]);
        to[i] = seen ? 0.0f : filter;
      }
    return {{to, queries * keys, 0, queries > 1 ? keys : 0}, keys};
  }
};

// attention_bias (batch or 1, heads or 1, queries, keys), read in place.
struct Extra {
  size_t input = 0;
  int64_t batch = 0, head = 0, row = 0;

  Extra() = default;
  Extra(const Signature& sig, size_t index, const AttendShape& s, int64_t keys) {
    if (!sig.has_in(index)) return;
    const Dims& d = sig.in[index].dims;
    require(d.size() == 4 && (d[0] == 1 || d[0] == s.batch) && (d[1] == 1 || d[1] == s.heads) &&
                d[2] == s.queries && d[3] == keys,
            "attention_bias of shape ", d, " for ", Dims{s.batch, s.heads, s.queries, keys});
    input = index;
    row = keys;
    head = d[1] == 1 ? 0 : s.queries * keys;
    batch = d[0] == 1 ? 0 : d[1] * s.queries * keys;
  }
  Addition get(const Buffers& b) const {
    if (!input) return {};
    return {{b.input<float>(input), batch, head, row}, row};
  }
};

// A product with every key and a sum over every value for each query.
inline double attention_flops(const Node& node) {
  const Graph graph(node.graph());
  const auto k = graph.value(node.input(node.inputs().size() > 1 && node.has_input(1) ? 1 : 0)).dims();
  const int64_t keys = k.size() == 4 ? k[2] : k.size() >= 3 ? k[1] : HRT_DIM_UNKNOWN;
  return sdk::is_number(keys) ? 4.0 * double(keys) : 0;
}

// The parts of the table of attention operators, beside ONNX's own.
std::span<const Op> contrib_attention_ops();  // com.microsoft's Attention, MultiHeadAttention
std::span<const Op> group_query_ops();        // com.microsoft's GroupQueryAttention

}  // namespace hrt::cpu
