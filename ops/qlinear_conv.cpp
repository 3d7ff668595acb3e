// SPDX-License-Identifier: Apache-2.0
// QLinearConv: the convolution of dequantized tensors, quantized. The scale of w is one for all, or one
// per output channel. https://onnx.ai/onnx/operators/onnx__QLinearConv.html
#include "conv.h"
#include "quantize.h"

namespace hrt::ops {
namespace {

std::vector<double> per_channel(const Tensor& t, int64_t channels, const char* name) {
  require(t.size() == 1 || t.size() == channels, name, " of shape ", t.dims(), " for ", channels,
          " channels");
  std::vector<double> out(static_cast<size_t>(channels));
  const Reader read(t);
  for (int64_t m = 0; m < channels; ++m) out[size_t(m)] = read(t.size() == 1 ? 0 : m);
  return out;
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), w = c.input(3), y_zero = c.input(7);
  const Convolution s = convolution(c.node(), x.dims(), w.dims());
  const Dims dims = s.output();
  const double x_zero = scalar_of(c.input(2), "x_zero_point"), zero = scalar_of(y_zero, "y_zero_point");
  const double scale = scalar_of(c.input(1), "x_scale") / scalar_of(c.input(6), "y_scale");
  const auto w_scale = per_channel(c.input(4), dims[1], "w_scale"),
             w_zero = per_channel(c.input(5), dims[1], "w_zero_point");
  std::vector<double> bias(static_cast<size_t>(dims[1]), 0);
  if (c.has(8)) {
    require(c.input(8).size() == dims[1], "B must have ", dims[1], " elements");
    bias = per_channel(c.input(8), dims[1], "B");
  }
  const Tensor y = c.output(0, y_zero.dtype(), dims);
  const Reader read_x(x), read_w(w);
  const Writer write(y);
  convolve<double>(
      s, [&](int64_t i) { return read_x(i) - x_zero; },
      [&](int64_t i, int64_t m) { return read_w(i) - w_zero[size_t(m)]; },
      [&](int64_t o, int64_t m, int64_t count, const double* sums) {
        for (int64_t j = 0; j < count; ++j)
          write(o + j,
                quantized((sums[j] + bias[size_t(m)]) * (scale * w_scale[size_t(m)]), zero, y.dtype()));
      });
}

Op make() {
  const uint64_t bytes = bits(HRT_INT8, HRT_UINT8);
  return {
      .name = "QLinearConv",
      .since = 10,
      .doc = "convolution of quantized tensors, quantized",
      .inputs = {{"x", "T1"},
                 {"x_scale", "float32"},
                 {"x_zero_point", "T1"},
                 {"w", "T2"},
                 {"w_scale", "float32"},
                 {"w_zero_point", "T2"},
                 {"y_scale", "float32"},
                 {"y_zero_point", "T3"},
                 {"B", "T4", HRT_PARAM_OPTIONAL}},
      .outputs = {{"y", "T3"}},
      .attrs = conv_attrs(),
      .types = {{"T1", bytes}, {"T2", bytes}, {"T3", bytes}, {"T4", bits(HRT_INT32)}},
      .infer = [](const Infer& c) { infer_convolution(c, c.dtype(7), 0, 3); },
      .compute = compute,
  };
}
const Register qlinear_conv(make());

}  // namespace
}  // namespace hrt::ops
