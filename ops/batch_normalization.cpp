// SPDX-License-Identifier: Apache-2.0
// BatchNormalization: (x - mean) / sqrt(var + epsilon) * scale + B per channel, with given statistics or,
// in training mode, with those of the batch.
// https://onnx.ai/onnx/operators/onnx__BatchNormalization.html
#include "norm.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  infer_same(c);
  for (uint32_t i = 1; i < std::min(c.output_count(), 3u); ++i)
    if (const hrt_type* t = c.type(i + 2)) c.output(i, *t);
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Node& node = c.node();
  require(x.rank() >= 1, "x is a scalar");
  const int64_t channels = x.rank() == 1 ? 1 : x.dim(1);
  const int64_t inner = x.rank() <= 2 ? 1 : element_count(x.dims().subspan(2)), batch = x.dim(0);
  const auto scale = per_channel(c, 1, channels, "scale"), bias = per_channel(c, 2, channels, "B");
  const auto mean = per_channel(c, 3, channels, "mean"), var = per_channel(c, 4, channels, "var");
  const double epsilon = node.f("epsilon", 1e-5f), momentum = node.f("momentum", 0.9f);
  const bool training = node.i("training_mode") != 0;
  require(training || (!c.wanted(1) && !c.wanted(2)), "running statistics without training_mode");
  std::vector<Moments> now(size_t(channels), Moments{});
  const Tensor y = c.output(0, x.dtype(), x.dims());
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    using A = acc_t<T>;
    for (int64_t ch = 0; ch < channels; ++ch) {
      Moments m{mean[size_t(ch)], var[size_t(ch)]};
      const auto plane = [&](int64_t n) { return (n * channels + ch) * inner; };
      if (training)
        m = moments(batch * inner, [&](auto f) {
          for (int64_t n = 0; n < batch; ++n)
            for (int64_t i = 0; i < inner; ++i) f(double(x.data<T>()[plane(n) + i]));
        });
      now[size_t(ch)] = m;
      const A factor = A(scale[size_t(ch)] / std::sqrt(m.variance + epsilon)), b = A(bias[size_t(ch)]);
      for (int64_t n = 0; n < batch; ++n) {
        const T* in = x.data<T>() + plane(n);
        T* out = y.data<T>() + plane(n);
        for (int64_t i = 0; i < inner; ++i) out[i] = T((A(in[i]) - A(m.mean)) * factor + b);
      }
    }
  });
  for (uint32_t k = 1; k <= 2; ++k) {
    if (!c.wanted(k)) continue;
    const Tensor running = c.output(k, c.input(k + 2).dtype(), Dims{channels});
    dispatch(Floats{}, running.dtype(), [&]<class T>() {
      for (size_t ch = 0; ch < size_t(channels); ++ch) {
        const double old = k == 1 ? mean[ch] : var[ch], fresh = k == 1 ? now[ch].mean : now[ch].variance;
        running.data<T>()[ch] = T(acc_t<T>(old * momentum + fresh * (1 - momentum)));
      }
    });
  }
}

const Register batch_normalization(Op{
    .name = "BatchNormalization",
    .since = 15,
    .doc = "(x - mean) / sqrt(var + epsilon) * scale + B",
    .inputs = {{"X", "T"}, {"scale", "T1"}, {"B", "T1"}, {"input_mean", "T2"}, {"input_var", "T2"}},
    .outputs = {{"Y", "T"},
                {"running_mean", "T2", HRT_PARAM_OPTIONAL},
                {"running_var", "T2", HRT_PARAM_OPTIONAL}},
    .attrs = {{"epsilon", HRT_ATTR_FLOAT, "1e-5"},
              {"momentum", HRT_ATTR_FLOAT, "0.9"},
              {"training_mode", HRT_ATTR_INT, "0"}},
    .types = {{"T", kFloat}, {"T1", kFloat}, {"T2", kFloat}},
    .inplace = {{0, 0}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
