// SPDX-License-Identifier: Apache-2.0
// com.microsoft.RotaryEmbedding: as ONNX's, with position_ids that are always there, perhaps as the position
// of the first token alone.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.RotaryEmbedding
#include "rotary.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Node& node = c.node();
  const Tensor x = c.input(0), ids = c.input(1), cosines = c.input(2), sines = c.input(3);
  // Of a ragged batch the tokens lie one after the other, but there is no telling where a sequence begins.
  if (node.i("is_packed_batching")) unsupported("attribute is_packed_batching = 1");
  require(x.rank() == 3 || x.rank() == 4, "input has rank ", x.rank(), ", not 3 or 4");
  require(cosines.rank() == 2 && std::ranges::equal(cosines.dims(), sines.dims()), "cos_cache of shape ",
          cosines.dims(), " and sin_cache of ", sines.dims());
  const int64_t half = cosines.dim(1), partial = node.i("rotary_embedding_dim"), count = node.i("num_heads");
  const bool by_heads = x.rank() == 4, interleaved = node.i("interleaved") != 0;
  require(partial == 0 || partial == 2 * half, "rotary_embedding_dim is ", partial, " for a cache of ",
          cosines.dims());
  require(partial == 0 || by_heads || (count > 0 && x.dim(2) % count == 0), "num_heads is ", count,
          " for a hidden size of ", x.dim(2));
  const int64_t batch = x.dim(0), sequence = x.dim(by_heads ? 2 : 1),
                size = by_heads  ? x.dim(3)
                       : partial ? x.dim(2) / count
                                 : 2 * half;
  require(by_heads || (size > 0 && x.dim(2) % size == 0), "heads of ", size, " for a hidden size of ",
          x.dim(2));
  require(partial ? 2 * half <= size : 2 * half == size, "a cache of ", cosines.dims(), " for heads of ",
          size);
  const int64_t heads = by_heads ? x.dim(1) : x.dim(2) / size;
  const bool each = ids.rank() == 2;
  require(each ? std::ranges::equal(ids.dims(), Dims{batch, sequence}) : ids.rank() == 1 && ids.dim(0) == 1,
          "position_ids of shape ", ids.dims());
  const Tensor y = c.output(0, x.dtype(), x.dims());
  dispatch(TypeList<float, float16, bfloat16>{}, x.dtype(), [&]<class T>() {
    for (int64_t token = 0; token < batch * sequence; ++token) {
      const int64_t b = token / sequence, s = token % sequence;
      const int64_t row = each ? ids.data<int64_t>()[token] : ids.data<int64_t>()[0] + s;
      require(row >= 0 && row < cosines.dim(0), "position ", row, " is outside the cache of ",
              cosines.dim(0));
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t at = (by_heads ? (b * heads + h) * sequence + s : token * heads + h) * size;
        const T* in = x.data<T>() + at;
        rotate(in, y.data<T>() + at, cosines.data<T>() + row * half, sines.data<T>() + row * half, half,
               interleaved);
        std::copy(in + 2 * half, in + size, y.data<T>() + at + 2 * half);
      }
    }
  });
}

const Register rotary_embedding(Op{
    .domain = "com.microsoft",
    .name = "RotaryEmbedding",
    .since = 1,
    .doc = "rotary positional embedding",
    .inputs = {{"input", "T"}, {"position_ids", "int64"}, {"cos_cache", "T"}, {"sin_cache", "T"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"interleaved", HRT_ATTR_INT, "0"},
              {"is_packed_batching", HRT_ATTR_INT, "0"},
              {"num_heads", HRT_ATTR_INT, "0"},
              {"rotary_embedding_dim", HRT_ATTR_INT, "0"},
              {"scale", HRT_ATTR_FLOAT, "1"}},
    .types = {{"T", bits(HRT_FLOAT32, HRT_FLOAT16, HRT_BFLOAT16)}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
