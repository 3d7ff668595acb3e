// SPDX-License-Identifier: Apache-2.0
// Attention of ONNX, and Attention, MultiHeadAttention and GroupQueryAttention of com.microsoft: what each
// calls its queries, keys, values and masks is brought before attend().
// https://onnx.ai/onnx/operators/onnx__Attention.html,
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include <cmath>
#include <cstring>

#include "backends/cpu/kernels/attend.h"
#include "backends/cpu/kernels/product.h"
#include "backends/cpu/kernels/rotary.h"
#include "backends/cpu/packed.h"

namespace hrt::cpu {
namespace {

using sdk::cat;

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
T* at(const Buffers& b, size_t offset) {
  return reinterpret_cast<T*>(b.workspace + offset);
}

// A refusal for inputs that are there and not float32, but for those in `except`, by bit.
std::string floats_but(const Node& node, uint32_t except) {
  const Graph graph(node.graph());
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    if (!node.has_input(i) || except >> i & 1) continue;
    const hrt_dtype t = graph.value(node.input(i)).dtype();
    if (t != HRT_FLOAT32) return cat("dtype ", dtype_name(t), " of input ", i);
  }
  return "";
}

bool wanted(const Node& node, size_t output) { return node.output(output) != HRT_NONE; }

void require_dims(const Operand& o, const Dims& dims, const char* what) {
  require(o.dims == dims, what, " of shape ", o.dims, " instead of ", dims);
}

// The scale of scores: the attribute, where it is there (and, for com.microsoft, not 0).
float scale_of(std::optional<float> attr, int64_t size) { return attr ? *attr : 1 / std::sqrt(float(size)); }
std::optional<float> scale_attr(const Node& node) {
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

// ----------------------------------------------------------------------------------- ai.onnx.Attention

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
    const float* p = boolean ? at<float>(b, floats) : b.input<float>(kMask);
    if (boolean)
      for (int64_t i = 0; i < count; ++i)
        at<float>(b, floats)[i] = b.input<uint8_t>(kMask)[i] ? 0.0f : -HUGE_VALF;
    return {{p, strides[0], strides[1], strides[2]}, width};
  }
};

std::string onnx_supports(const Node& node) {
  if (wanted(node, 3)) return "scores as an output";
  if (node.has_input(kMask)) {
    const hrt_dtype t = Graph(node.graph()).value(node.input(kMask)).dtype();
    if (t != HRT_FLOAT32 && t != HRT_BOOL) return cat("attn_mask of dtype ", dtype_name(t));
  }
  return floats_but(node, 1u << kMask | 1u << kNonpad);
}

Compiled onnx_compile(const Node& node) {
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
                int64_t *keys = at<int64_t>(b, lengths), *position = keys + s.batch;
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
    float* to = at<float>(b, floats);
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

// ----------------------------------------------------------------------------- com.microsoft.Attention

enum : size_t { kInput, kWeights, kBias, kMaskIndex, kPast, kAttentionBias, kPastLength };

std::string attention_supports(const Node& node) {
  for (const char* name : {"do_rotary", "past_present_share_buffer"})
    if (node.i(name)) return cat(name, " = ", node.i(name));
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
              float* p = at<float>(b, qkv);
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
    const HeadRows<float> to = by_tokens(at<float>(b, sum), heads, sequence, size);
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

// -------------------------------------------------------------------- com.microsoft.GroupQueryAttention

enum : size_t {
  kGqaPastKey = 3,
  kGqaPastValue,
  kLengths,
  kTotal,
  kCos,
  kSin,
  kPositions,
  kGqaExtra,
  kSink,
  kKeyScale,
  kValueScale,
  kQueryNorm,
  kKeyNorm,
  kQueryLengths
};

std::string group_query_supports(const Node& node) {
  if (node.i("sliding_window_cache")) return "sliding_window_cache = 1";
  for (const char* name : {"k_quant_type", "v_quant_type"})
    if (node.s(name, "NONE") != "NONE") return cat(name, " = ", node.s(name));
  if (node.has_input(kQueryNorm)) return "q_norm_weight";
  if (wanted(node, 3)) return "scores as an output";
  return floats_but(node, 1u << kLengths | 1u << kTotal | 1u << kPositions | 1u << kQueryLengths);
}

// One call: the cache is extended, queries rotated, then the cache attended to.
struct GroupQuery {
  AttendShape s;
  int64_t old = 0, cache_rows = 0;  // tokens of the cache that comes, and that goes
  bool packed = false, rotary = false, smooth = false;
  bool past = false, ids = false, sink = false, valid = false, key_out = false, value_out = false;
  Rotation rotation;
  int64_t angles = 0;  // rows of cos_cache
  Extra extra;
  size_t chunks = 0, sinks = 0, rotated = 0, keys = 0, values = 0, core = 0;  // in the workspace

  // Of each batch item: keys, tokens before the queries, tokens of the queries that are no padding.
  struct Chunk {
    int64_t *keys, *past, *count;
  };
  Chunk chunks_of(const Buffers& b) const {
    const Chunk c{at<int64_t>(b, chunks), at<int64_t>(b, chunks) + s.batch,
                  at<int64_t>(b, chunks) + 2 * s.batch};
    for (int64_t i = 0; i < s.batch; ++i) {
      const int64_t n = int64_t(b.input<int32_t>(kLengths)[i]) + 1;
      require(n > 0 && n <= cache_rows, "seqlens_k is ", n - 1, " for a cache of ", cache_rows);
      c.keys[i] = n;
      c.count[i] = valid ? b.input<int32_t>(kQueryLengths)[i] : std::min(s.queries, n);
      require(c.count[i] >= 0 && c.count[i] <= std::min(s.queries, n), "query_seqlens is ", c.count[i]);
      c.past[i] = n - c.count[i];
      require(c.past[i] <= old, "a past of ", c.past[i], " tokens in a cache of ", old);
    }
    return c;
  }
  int64_t angle(const Buffers& b, const Chunk& c, int64_t i, int64_t t) const {
    return ids ? b.input<int64_t>(kPositions)[i * s.queries + t] : c.past[i] + t;
  }
  void check_angles(const Buffers& b, const Chunk& c) const {
    for (int64_t i = 0; i < s.batch; ++i)
      for (int64_t t = 0; t < c.count[i]; ++t) {
        const int64_t p = angle(b, c, i, t);
        require(p >= 0 && p < angles, "position ", p, " is outside the cache of ", angles);
      }
  }
  // Tokens [0, count) of x, rotated if they are to be, from token `first` of y on.
  void place(const Buffers& b, const Chunk& c, bool rotate, const ConstRows& x, int64_t heads,
             bool after_past, const HeadRows<float>& y) const {
    parallel(s.batch * heads, double(s.queries * s.size) * 0.2, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t i = k / heads, h = k % heads, first = after_past ? c.past[i] : 0;
        for (int64_t t = 0; t < c.count[i]; ++t) {
          const int64_t p = rotate ? angle(b, c, i, t) * rotation.half : 0;
          if (rotate)
            rotation.run(x.at(i, h, t), b.input<float>(kCos) + p, b.input<float>(kSin) + p,
                         y.at(i, h, first + t));
          else
            std::memcpy(y.at(i, h, first + t), x.at(i, h, t), size_t(s.size) * sizeof(float));
        }
      }
    });
  }
  HeadRows<float> extend(const Buffers& b, const Chunk& c, bool rotate, size_t before, const ConstRows& x,
                         float* to) const {
    const HeadRows<float> y = by_heads(to, s.kv_heads, cache_rows, s.size);
    const ConstRows from = by_heads(past ? b.input<float>(before) : nullptr, s.kv_heads, old, s.size);
    parallel(s.batch * s.kv_heads, double(cache_rows * s.size) * 0.1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t i = k / s.kv_heads, h = k % s.kv_heads;
        if (c.past[i])
          std::memcpy(y.at(i, h, 0), from.at(i, h, 0), size_t(c.past[i] * s.size) * sizeof(float));
        std::fill(y.at(i, h, c.keys[i]), y.at(i, h, cache_rows), 0.0f);
      }
    });
    place(b, c, rotate, x, s.kv_heads, true, y);
    return y;
  }

  void run(const Buffers& b) const {
    const Chunk c = chunks_of(b);
    if (rotary) check_angles(b, c);
    const int64_t row = packed ? (s.heads + 2 * s.kv_heads) * s.size : s.heads * s.size,
                  kv = s.kv_heads * s.size;
    const auto part = [&](size_t input, int64_t first) {
      const int64_t step = packed ? row : input == kQuery ? row : kv;
      return ConstRows{b.input<float>(packed ? size_t(kQuery) : input) + (packed ? first : 0),
                       s.queries * step, s.size, step};
    };
    AttendOperands o{part(kQuery, 0), {}, {}, by_tokens(b.output<float>(0), s.heads, s.queries, s.size)};
    if (rotary) {
      const HeadRows<float> q = by_tokens(at<float>(b, rotated), s.heads, s.queries, s.size);
      std::fill_n(q.p, s.batch * s.queries * s.heads * s.size, 0.0f);  // padding
      place(b, c, true, o.q, s.heads, false, q);
      o.q = {q.p, q.batch, q.head, q.row};
    }
    const auto k = extend(b, c, rotary, kGqaPastKey, part(kKey, s.heads * s.size),
                          key_out ? b.output<float>(1) : at<float>(b, keys));
    const auto v = extend(b, c, false, kGqaPastValue, part(kValue, s.heads * s.size + kv),
                          value_out ? b.output<float>(2) : at<float>(b, values));
    o.k[1] = {k.p, k.batch, k.head, k.row};
    o.v[1] = {v.p, v.batch, v.head, v.row};
    o.add[0] = extra.get(b);
    o.keys = c.keys;
    o.position = c.past;
    if (smooth) std::fill_n(at<float>(b, sinks), s.heads, 0.0f);
    o.sink = sink ? b.input<float>(kSink) : smooth ? at<float>(b, sinks) : nullptr;
    attend(s, o, b.workspace + core);
  }
};

Compiled group_query_compile(const Node& node) {
  GroupQuery g;
  g.s.heads = node.i("num_heads");
  g.s.kv_heads = node.i("kv_num_heads");
  require(g.s.heads > 0 && g.s.kv_heads > 0 && g.s.heads % g.s.kv_heads == 0, "num_heads is ", g.s.heads,
          ", kv_num_heads ", g.s.kv_heads);
  g.s.causal = node.i("causal", 1) != 0;
  g.s.cap = node.f("softcap", 0);
  g.rotary = node.i("do_rotary") != 0;
  g.rotation.interleaved = node.i("rotary_interleaved") != 0;
  g.smooth = node.i("smooth_softmax", -1) > 0;
  const int64_t window = node.i("local_window_size", -1);
  require(window == -1 || (window > 0 && g.s.causal), "local_window_size is ", window);
  Compiled c;
  c.prepare = [g, window, scale = scale_attr(node)](const Signature& sig) mutable -> Step {
    GroupQuery r = g;
    AttendShape& s = r.s;
    const Dims& d = sig.in[kQuery].dims;
    require(d.size() == 3, "query of shape ", d);
    r.packed = !sig.has_in(kKey);
    const int64_t parts = s.heads + (r.packed ? 2 * s.kv_heads : 0);
    require(d[2] % parts == 0, "a hidden size of ", d[2], " for ", parts, " heads");
    s.batch = d[0];
    s.queries = d[1];
    s.size = s.value_size = d[2] / parts;
    if (!r.packed)
      for (const size_t i : {kKey, kValue})
        require_dims(sig.in[i], {d[0], d[1], s.kv_heads * s.size}, "key or value");
    r.past = sig.has_in(kGqaPastKey);
    require(r.past == sig.has_in(kGqaPastValue), "past_key and past_value go together");
    if (r.past) {
      require(sig.in[kGqaPastKey].rank() == 4, "past_key does not have rank 4");
      r.old = sig.in[kGqaPastKey].dims[2];
      for (const size_t i : {kGqaPastKey, kGqaPastValue})
        require_dims(sig.in[i], {s.batch, s.kv_heads, r.old, s.size}, "past_key or past_value");
    }
    const auto is_out = [&](size_t i) { return i < sig.out.size() && sig.out[i].present(); };
    r.key_out = is_out(1);
    r.value_out = is_out(2);
    r.cache_rows = r.key_out ? sig.out[1].dims[2] : r.value_out ? sig.out[2].dims[2] : r.old + s.queries;
    s.keys = r.cache_rows;
    s.scale = scale_of(scale, s.size);
    s.left = window > 0 ? std::min(window - 1, s.keys) : -1;
    require_dims(sig.in[kLengths], {s.batch}, "seqlens_k");
    r.valid = sig.has_in(kQueryLengths);
    if (r.valid) require_dims(sig.in[kQueryLengths], {s.batch}, "query_seqlens");
    r.sink = sig.has_in(kSink);
    if (r.sink) require_dims(sig.in[kSink], {s.heads}, "head_sink");
    if (sig.has_in(kGqaExtra)) {
      const Dims& e = sig.in[kGqaExtra].dims;
      require(e.size() == 4 && e[3] <= s.keys, "attention_bias of shape ", e);
      r.extra = Extra(sig, kGqaExtra, s, e[3]);
    }
    r.ids = sig.has_in(kPositions);
    if (r.rotary) {
      require(sig.has_in(kCos) && sig.has_in(kSin) && sig.in[kCos].rank() == 2,
              "cos_cache does not have rank 2");
      require_dims(sig.in[kSin], sig.in[kCos].dims, "sin_cache");
      r.angles = sig.in[kCos].dims[0];
      r.rotation.half = sig.in[kCos].dims[1];
      r.rotation.size = s.size;
      require(2 * r.rotation.half <= s.size, "cos_cache of shape ", sig.in[kCos].dims, " for heads of ",
              s.size);
      if (r.ids) require_dims(sig.in[kPositions], {s.batch, s.queries}, "position_ids");
    }
    Scratch scratch;
    const int64_t cache = s.batch * s.kv_heads * r.cache_rows * s.size;
    r.chunks = scratch.take(3 * s.batch, sizeof(int64_t));
    r.sinks = scratch.take(r.smooth ? s.heads : 0);
    r.rotated = scratch.take(r.rotary ? s.batch * s.queries * s.heads * s.size : 0);
    r.keys = scratch.take(r.key_out ? 0 : cache);
    r.values = scratch.take(r.value_out ? 0 : cache);
    r.core = scratch.take(0);
    return {[r](const Buffers& b) { r.run(b); }, r.core + s.workspace()};
  };
  return c;
}

// A product with every key and a sum over every value for each query.
double flops(const Node& node) {
  const Graph graph(node.graph());
  const auto k = graph.value(node.input(node.inputs().size() > 1 && node.has_input(1) ? 1 : 0)).dims();
  const int64_t keys = k.size() == 4 ? k[2] : k.size() >= 3 ? k[1] : HRT_DIM_UNKNOWN;
  return sdk::is_number(keys) ? 4.0 * double(keys) : 0;
}

}  // namespace

std::span<const Op> attention_ops() {
  static const Op ops[] = {
      {"", "Attention", onnx_supports, onnx_compile, flops},
      {"com.microsoft", "Attention", attention_supports, attention_compile, flops},
      {"com.microsoft", "MultiHeadAttention", multi_head_supports, multi_head_compile, flops},
      {"com.microsoft", "GroupQueryAttention", group_query_supports, group_query_compile, flops},
  };
  return ops;
}

}  // namespace hrt::cpu
