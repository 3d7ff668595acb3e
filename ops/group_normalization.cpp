// SPDX-License-Identifier: Apache-2.0
// GroupNormalization, InstanceNormalization: (x - mean) / sqrt(var + epsilon) * scale + bias, with the
// statistics of each group of channels, of each channel, of each batch item.
// https://onnx.ai/onnx/operators/onnx__GroupNormalization.html, onnx__InstanceNormalization.html
#include "norm.h"

namespace hrt::ops {
namespace {

void normalise(const Kernel& c, int64_t groups) {
  const Tensor x = c.input(0);
  const int64_t channels = x.dim(1), inner = element_count(x.dims().subspan(2));
  require(groups >= 1 && channels % groups == 0, channels, " channels in ", groups, " groups");
  const auto scale = per_channel(c, 1, channels, "scale"), bias = per_channel(c, 2, channels, "bias");
  const double epsilon = c.node().f("epsilon", 1e-5f);
  const int64_t size = channels / groups * inner;
  const Tensor y = c.output(0, x.dtype(), x.dims());
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    for (int64_t g = 0; size > 0 && g < x.dim(0) * groups; ++g) {
      const T* in = x.data<T>() + g * size;
      const Moments m = moments(in, size);
      const double factor = 1 / std::sqrt(m.variance + epsilon);
      for (int64_t i = 0; i < size; ++i) {
        const size_t ch = size_t(g % groups * (channels / groups) + i / inner);
        y.data<T>()[g * size + i] = T(acc_t<T>((double(in[i]) - m.mean) * factor * scale[ch] + bias[ch]));
      }
    }
  });
}

void require_channels(const Tensor& x) {
  require(x.rank() >= 2, "x has rank ", x.rank(), ", not batch, channels and more");
}

void group(const Kernel& c) {
  require_channels(c.input(0));
  normalise(c, c.node().i("num_groups"));
}

void instance(const Kernel& c) {
  require_channels(c.input(0));
  normalise(c, std::max<int64_t>(c.input(0).dim(1), 1));
}

const Register group_op(Op{
    .name = "GroupNormalization",
    .since = 21,
    .doc = "normalisation over groups of channels",
    .inputs = {{"X", "T"}, {"scale", "T"}, {"bias", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"epsilon", HRT_ATTR_FLOAT, "1e-5"},
              {"num_groups", HRT_ATTR_INT, "", true},
              {"stash_type", HRT_ATTR_INT, "1"}},
    .types = {{"T", kFloat}},
    .infer = infer_same,
    .compute = group,
});

const Register instance_op(Op{
    .name = "InstanceNormalization",
    .since = 22,
    .doc = "normalisation over each channel of each batch item",
    .inputs = {{"input", "T"}, {"scale", "T"}, {"B", "T"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"epsilon", HRT_ATTR_FLOAT, "1e-5"}},
    .types = {{"T", kFloat}},
    .infer = infer_same,
    .compute = instance,
});

}  // namespace
}  // namespace hrt::ops
