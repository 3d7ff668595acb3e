// SPDX-License-Identifier: Apache-2.0
// RotaryEmbedding of ONNX and of com.microsoft.
// https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html
#include "backends/cpu/kernels/rotary.h"

namespace hrt::cpu {

void Rotation::run(const float* x, const float* cosine, const float* sine, float* y) const {
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const Vec c = hn::LoadU(f32, cosine + i), s = hn::LoadU(f32, sine + i);
    Vec a, b;
    if (interleaved) {
      hn::LoadInterleaved2(f32, x + 2 * i, a, b);
    } else {
      a = hn::LoadU(f32, x + i);
      b = hn::LoadU(f32, x + half + i);
    }
    const Vec first = hn::NegMulAdd(s, b, hn::Mul(c, a)), second = hn::MulAdd(s, a, hn::Mul(c, b));
    if (interleaved) {
      hn::StoreInterleaved2(first, second, f32, y + 2 * i);
    } else {
      hn::StoreU(first, f32, y + i);
      hn::StoreU(second, f32, y + half + i);
    }
  }
  for (; i < half; ++i) {
    const int64_t p = interleaved ? 2 * i : i, q = interleaved ? 2 * i + 1 : i + half;
    const float a = x[p], b = x[q];
    y[p] = cosine[i] * a - sine[i] * b;
    y[q] = sine[i] * a + cosine[i] * b;
  }
  if (y != x && size > 2 * half)
    std::memcpy(y + 2 * half, x + 2 * half, size_t(size - 2 * half) * sizeof(float));
}

namespace {

struct Inputs {  // where the two domains have them
  size_t ids, cosine;
};
Inputs inputs_of(const Node& node) { return node.domain().empty() ? Inputs{3, 1} : Inputs{1, 2}; }

std::string supports(const Node& node) {
  const Inputs in = inputs_of(node);
  if (node.i("is_packed_batching")) return "is_packed_batching = 1";
  const Graph graph(node.graph());
  for (const size_t i : {size_t(0), in.cosine, in.cosine + 1}) {
    const hrt_dtype t = graph.value(node.input(i)).dtype();
    if (t != HRT_FLOAT32) return sdk::cat("dtype ", dtype_name(t), " of an input");
  }
  return "";
}

// x as (batch, heads, tokens, size).
struct Shape {
  int64_t batch, heads, tokens;
  bool by_heads;
  Rotation rotation;
  int64_t positions;  // rows of the caches; 0: one for each token
  bool each;          // has an id
};

Shape shape_of(const Signature& sig, const Inputs& in, int64_t num_heads, int64_t partial, bool interleaved) {
  const Dims &x = sig.in[0].dims, &cache = sig.in[in.cosine].dims;
  const bool with_ids = sig.has_in(in.ids), by_heads = x.size() == 4;
  require(x.size() == 3 || by_heads, "x has rank ", int64_t(x.size()), ", not 3 or 4");
  require(cache == sig.in[in.cosine + 1].dims && cache.size() == (with_ids ? 2u : 3u), "cos_cache of shape ",
          cache);
  const int64_t half = cache.back();
  // ONNX counts heads, com.microsoft derives them from the cache where it rotates all of them.
  if (in.ids == 1 && partial == 0 && !by_heads) num_heads = half > 0 ? x[2] / (2 * half) : 0;
  require(by_heads || (num_heads > 0 && x[2] % num_heads == 0), "num_heads is ", num_heads,
          " for a hidden size of ", x[2]);
  const int64_t size = by_heads ? x[3] : x[2] / num_heads, rotated = partial ? partial : size;
  require(rotated == 2 * half && rotated <= size, "a cache of shape ", cache, " for ", rotated, " of ", size,
          " elements");
  Shape s{x[0],     by_heads ? x[1] : num_heads, x[by_heads ? 2 : 1],
          by_heads, {half, size, interleaved},   with_ids ? cache[0] : 0,
          true};
  const Dims tokens{s.batch, s.tokens};
  if (with_ids) {
    const Dims& ids = sig.in[in.ids].dims;
    s.each = ids == tokens;
    require(s.each || (in.ids == 1 && ids == Dims{1}), "position_ids of shape ", ids);
  } else {
    require(cache == Dims({s.batch, s.tokens, half}), "cos_cache of shape ", cache);
  }
  return s;
}

void run(const Shape& s, const float* x, const int64_t* ids, const float* cosine, const float* sine,
         float* y) {
  const int64_t size = s.rotation.size, half = s.rotation.half;
  const auto row_of = [&](int64_t token) {
    return !ids ? token : s.each ? ids[token] : ids[0] + token % s.tokens;
  };
  for (int64_t t = 0; ids && t < s.batch * s.tokens; ++t) {
    const int64_t row = row_of(t);
    require(row >= 0 && row < s.positions, "position ", row, " is outside the cache of ", s.positions);
  }
  parallel(s.batch * s.tokens, double(s.heads * size) * 0.2, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t row = row_of(t), b = t / s.tokens;
      for (int64_t h = 0; h < s.heads; ++h) {
        const int64_t at =
            (s.by_heads ? (b * s.heads + h) * s.tokens + t % s.tokens : t * s.heads + h) * size;
        s.rotation.run(x + at, cosine + row * half, sine + row * half, y + at);
      }
    }
  });
}

Compiled compile(const Node& node) {
  Compiled c;
  c.inplace = 1;
  c.prepare = [in = inputs_of(node), heads = node.i("num_heads"), partial = node.i("rotary_embedding_dim"),
               interleaved = node.i("interleaved") != 0](const Signature& sig) -> Step {
    const Shape s = shape_of(sig, in, heads, partial, interleaved);
    return {[s, in, with_ids = sig.has_in(in.ids)](const Buffers& b) {
      run(s, b.input<float>(0), with_ids ? b.input<int64_t>(in.ids) : nullptr, b.input<float>(in.cosine),
          b.input<float>(in.cosine + 1), b.output<float>(0));
    }};
  };
  return c;
}

}  // namespace

std::span<const Op> rotary_ops() {
  static const Op ops[] = {{"", "RotaryEmbedding", supports, compile},
                           {"com.microsoft", "RotaryEmbedding", supports, compile}};
  return ops;
}

}  // namespace hrt::cpu
