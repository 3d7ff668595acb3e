// SPDX-License-Identifier: Apache-2.0
// RotaryEmbedding: rotates pairs of elements of each head by an angle that depends on the position of
// the token. https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html
#include "rotary.h"

namespace hrt::ops {
namespace {

// x as (batch, heads, sequence, size), in either of the two layouts.
struct Heads {
  int64_t batch, heads, sequence, size;
  int64_t head_step, token_step;
};
Heads heads_of(const Node& node, const Tensor& x) {
  if (x.rank() == 4) return {x.dim(0), x.dim(1), x.dim(2), x.dim(3), x.dim(2) * x.dim(3), x.dim(3)};
  require(x.rank() == 3, "x has rank ", x.rank(), ", not 3 or 4");
  const int64_t heads = node.i("num_heads"), hidden = x.dim(2);
  require(heads > 0 && hidden % heads == 0, "num_heads is ", heads, " for a hidden size of ", hidden);
  return {x.dim(0), heads, x.dim(1), hidden / heads, hidden / heads, hidden};
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), cosines = c.input(1), sines = c.input(2);
  const auto ids = c.optional(3);
  const Heads h = heads_of(c.node(), x);
  const int64_t rotated = c.node().i("rotary_embedding_dim") ? c.node().i("rotary_embedding_dim") : h.size;
  require(rotated >= 0 && rotated <= h.size && rotated % 2 == 0, "cannot rotate ", rotated, " of ", h.size,
          " elements");
  const int64_t half = rotated / 2;
  const bool interleaved = c.node().i("interleaved") != 0;
  require(std::ranges::equal(cosines.dims(), sines.dims()), "cos_cache and sin_cache differ in shape");
  const Dims wanted =
      ids ? Dims{cosines.rank() == 2 ? cosines.dim(0) : 0, half} : Dims{h.batch, h.sequence, half};
  require(std::ranges::equal(cosines.dims(), wanted), "cos_cache has shape ", cosines.dims(), " instead of ",
          wanted);
  require(!ids || std::ranges::equal(ids->dims(), Dims{h.batch, h.sequence}),
          "position_ids has the wrong shape");
  const Tensor y = c.output(0, x.dtype(), x.dims());
  dispatch(TypeList<float, float16, bfloat16>{}, x.dtype(), [&]<class T>() {
    for (int64_t token = 0; token < h.batch * h.sequence; ++token) {
      const int64_t row = ids ? ids->data<int64_t>()[token] : token;
      require(!ids || (row >= 0 && row < cosines.dim(0)), "position ", row, " is outside the cache");
      const T *cosine = cosines.data<T>() + row * half, *sine = sines.data<T>() + row * half;
      for (int64_t head = 0; head < h.heads; ++head) {
        const int64_t at = token / h.sequence * h.heads * h.sequence * h.size + head * h.head_step +
                           token % h.sequence * h.token_step;
        const T* in = x.data<T>() + at;
        T* out = y.data<T>() + at;
        rotate(in, out, cosine, sine, half, interleaved);
        std::copy(in + rotated, in + h.size, out + rotated);
      }
    }
  });
}

const Register rotary_embedding(Op{
    .name = "RotaryEmbedding",
    .since = 23,
    .doc = "rotary positional embedding",
    .inputs =
        {{"X", "T"}, {"cos_cache", "T"}, {"sin_cache", "T"}, {"position_ids", "int64", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"interleaved", HRT_ATTR_INT, "0"},
              {"num_heads", HRT_ATTR_INT, "0"},
              {"rotary_embedding_dim", HRT_ATTR_INT, "0"}},
    .types = {{"T", bits(HRT_FLOAT32, HRT_FLOAT16, HRT_BFLOAT16)}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
