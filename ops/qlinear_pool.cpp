// SPDX-License-Identifier: Apache-2.0
// QLinearAveragePool and QLinearGlobalAveragePool of com.microsoft: means of 8-bit tensors, with channels
// behind the batch or last.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include "pool.h"
#include "qlinear.h"

namespace hrt::ops {
namespace {

bool channels_last(const Node& node) { return node.i("channels_last") != 0; }

// Where channels stand in the dims of x, moved behind the batch and back.
Dims first(Dims dims, const Node& node) {
  require(dims.size() >= 3, "X has rank ", dims.size(), ", not batch, channels and spatial axes");
  if (channels_last(node)) std::rotate(dims.begin() + 1, dims.end() - 1, dims.end());
  return dims;
}
Dims back(Dims dims, const Node& node) {
  if (channels_last(node)) std::rotate(dims.begin() + 1, dims.begin() + 2, dims.end());
  return dims;
}

Window window_of(const Node& node, const Dims& dims, const Infer* infer = nullptr) {
  return slide(node, Dims(dims.begin() + 2, dims.end()), {}, node.i("ceil_mode") != 0, infer);
}
Dims output_of(const Dims& x, const Window& w) {
  Dims y(x.begin(), x.begin() + 2);
  y.insert(y.end(), w.output.begin(), w.output.end());
  return y;
}

void infer_average(const Infer& c) {
  const auto x = c.dims(0);
  if (!x) return c.output(0, TensorType(c.dtype(0)));
  const Dims dims = first(*x, c.node());
  c.output(0, TensorType(c.dtype(0), back(output_of(dims, window_of(c.node(), dims, &c)), c.node())));
}

void infer_global(const Infer& c) {
  const auto x = c.dims(0);
  if (!x) return c.output(0, TensorType(c.dtype(0)));
  Dims dims = first(*x, c.node());
  std::fill(dims.begin() + 2, dims.end(), 1);
  c.output(0, TensorType(c.dtype(0), back(dims, c.node())));
}

// The distance of channels and of neighbouring elements of one channel.
struct Strides {
  int64_t channel, element;
  Strides(const Node& node, int64_t channels, int64_t plane)
      : channel(channels_last(node) ? 1 : plane), element(channels_last(node) ? channels : 1) {}
};

void average(const Kernel& c) {
  const Tensor x = c.input(0);
  const Quantization from(c, 1, x.dtype()), to(c, 3, x.dtype());
  const Dims dims = first(Dims(x.dims().begin(), x.dims().end()), c.node());
  const Window w = window_of(c.node(), dims);
  const Tensor y = c.output(0, x.dtype(), back(output_of(dims, w), c.node()));
  const bool with_padding = c.node().i("count_include_pad") != 0;
  const int64_t channels = dims[1], plane = element_count(w.input), outputs = element_count(w.output);
  const Strides in(c.node(), channels, plane), out(c.node(), channels, outputs);
  const Reader read(x);
  const Writer write(y);
  for_each_window(w, dims[0] * channels, [&](int64_t p, int64_t o, const WindowView& view) {
    const int64_t n = p / channels, channel = p % channels;
    double sum = 0;
    int64_t count = 0;
    view.each([&](int64_t at) {
      sum += from.real(read(n * channels * plane + channel * in.channel + at * in.element));
      ++count;
    });
    if (with_padding) count = view.padded_count();
    write(n * channels * outputs + channel * out.channel + o % outputs * out.element,
          to.quantize(count ? sum / double(count) : 0));
  });
}

void global_average(const Kernel& c) {
  const Tensor x = c.input(0);
  const Quantization from(c, 1, x.dtype()), to(c, 3, x.dtype());
  Dims dims = first(Dims(x.dims().begin(), x.dims().end()), c.node());
  const int64_t batch = dims[0], channels = dims[1], plane = element_count(std::span(dims).subspan(2));
  const Strides in(c.node(), channels, plane);
  std::fill(dims.begin() + 2, dims.end(), 1);
  const Tensor y = c.output(0, x.dtype(), back(dims, c.node()));
  const Reader read(x);
  const Writer write(y);
  for (int64_t p = 0; p < batch * channels; ++p) {
    double sum = 0;
    for (int64_t i = 0; i < plane; ++i)
      sum += from.real(read(p / channels * channels * plane + p % channels * in.channel + i * in.element));
    write(p, to.quantize(plane ? sum / double(plane) : 0));
  }
}

Op pool(const char* name, const char* doc, uint32_t zero_flags, std::vector<AttrSpec> attrs,
        void (*infer)(const Infer&), void (*compute)(const Kernel&)) {
  attrs.push_back({"channels_last", HRT_ATTR_INT, "0"});
  return {.domain = kMicrosoft,
          .name = name,
          .since = 1,
          .doc = doc,
          .inputs = {{"X", "T"},
                     {"x_scale", "float32"},
                     {"x_zero_point", "T", zero_flags},
                     {"y_scale", "float32"},
                     {"y_zero_point", "T", zero_flags}},
          .outputs = {{"Y", "T"}},
          .attrs = std::move(attrs),
          .types = {{"T", kBytes}},
          .infer = infer,
          .compute = compute};
}

const Register average_op(pool("QLinearAveragePool", "mean of each window, quantized", HRT_PARAM_OPTIONAL,
                               {{"auto_pad", HRT_ATTR_STRING, "NOTSET"},
                                {"ceil_mode", HRT_ATTR_INT, "0"},
                                {"count_include_pad", HRT_ATTR_INT, "0"},
                                {"kernel_shape", HRT_ATTR_INTS, "", true},
                                {"pads", HRT_ATTR_INTS},
                                {"strides", HRT_ATTR_INTS}},
                               infer_average, average));
const Register global_op(pool("QLinearGlobalAveragePool", "mean of each plane, quantized", 0, {},
                              infer_global, global_average));

}  // namespace
}  // namespace hrt::ops
