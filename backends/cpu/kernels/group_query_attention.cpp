// SPDX-License-Identifier: Apache-2.0
// GroupQueryAttention of com.microsoft: the cache is extended, queries and new keys are rotated, then
// attend().
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.GroupQueryAttention
#include <cstring>

#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/rotary.h"

namespace hrt::cpu {
namespace {

enum : size_t {
  kQuery,
  kKey,
  kValue,
  kGqaPastKey,
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

std::string supports(const Node& node) {
  if (node.i("sliding_window_cache")) return "sliding_window_cache = 1";
  for (const char* name : {"k_quant_type", "v_quant_type"})
    if (node.s(name, "NONE") != "NONE") return sdk::cat(name, " = ", node.s(name));
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
    const Chunk c{piece<int64_t>(b, chunks), piece<int64_t>(b, chunks) + s.batch,
                  piece<int64_t>(b, chunks) + 2 * s.batch};
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
      const HeadRows<float> q = by_tokens(piece<float>(b, rotated), s.heads, s.queries, s.size);
      std::fill_n(q.p, s.batch * s.queries * s.heads * s.size, 0.0f);  // padding
      place(b, c, true, o.q, s.heads, false, q);
      o.q = {q.p, q.batch, q.head, q.row};
    }
    const auto k = extend(b, c, rotary, kGqaPastKey, part(kKey, s.heads * s.size),
                          key_out ? b.output<float>(1) : piece<float>(b, keys));
    const auto v = extend(b, c, false, kGqaPastValue, part(kValue, s.heads * s.size + kv),
                          value_out ? b.output<float>(2) : piece<float>(b, values));
    o.k[1] = {k.p, k.batch, k.head, k.row};
    o.v[1] = {v.p, v.batch, v.head, v.row};
    o.add[0] = extra.get(b);
    o.keys = c.keys;
    o.position = c.past;
    if (smooth) std::fill_n(piece<float>(b, sinks), s.heads, 0.0f);
    o.sink = sink ? b.input<float>(kSink) : smooth ? piece<float>(b, sinks) : nullptr;
    attend(s, o, b.workspace + core);
  }
};

Compiled compile(const Node& node) {
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

}  // namespace

std::span<const Op> group_query_ops() {
  static const Op ops[] = {{"com.microsoft", "GroupQueryAttention", supports, compile, attention_flops}};
  return ops;
}

}  // namespace hrt::cpu
