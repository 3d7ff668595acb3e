// SPDX-License-Identifier: Apache-2.0
// QLinearConcat of com.microsoft: 8-bit tensors, each with its scale and zero point, one after the other
// along an axis, in one quantization.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include "dims.h"
#include "qlinear.h"

namespace hrt::ops {
namespace {

constexpr uint32_t kFirst = 2, kPerInput = 3;

uint32_t count_of(uint32_t inputs) {
  require(inputs > kFirst && (inputs - kFirst) % kPerInput == 0,
          "inputs must be tensor, scale and zero point of each, ", "there are ",
          inputs - std::min(inputs, kFirst));
  return (inputs - kFirst) / kPerInput;
}

// The shape of everything, of the shapes of the tensors.
Dims joined(const Node& node, const std::vector<Dims>& parts, const DimMath& m) {
  Dims out = parts[0];
  const size_t axis = size_t(normalise_axis(node.i("axis"), int64_t(out.size())));
  for (size_t i = 1; i < parts.size(); ++i) {
    require(parts[i].size() == out.size(), "tensor ", i, " has rank ", parts[i].size(), ", not ", out.size());
    for (size_t d = 0; d < out.size(); ++d)
      out[d] = d == axis ? m.add(out[d], parts[i][d]) : m.same(out[d], parts[i][d], "dimension");
  }
  return out;
}

void infer(const Infer& c) {
  std::vector<Dims> parts;
  for (uint32_t i = 0; i < count_of(c.input_count()); ++i) {
    const auto dims = c.dims(kFirst + i * kPerInput);
    if (!dims) return c.output(0, TensorType(c.dtype(1)));
    parts.push_back(*dims);
  }
  c.output(0, TensorType(c.dtype(1), joined(c.node(), parts, DimMath(c))));
}

void compute(const Kernel& c) {
  const uint32_t count = count_of(c.input_count());
  const hrt_dtype type = c.input(1).dtype();
  const Quantization to(c, 0, type);
  std::vector<Dims> parts;
  for (uint32_t i = 0; i < count; ++i) {
    const auto dims = c.input(kFirst + i * kPerInput).dims();
    parts.emplace_back(dims.begin(), dims.end());
  }
  const Dims dims = joined(c.node(), parts, DimMath());
  const Tensor y = c.output(0, type, dims);
  const Writer write(y);
  const size_t axis = size_t(normalise_axis(c.node().i("axis"), int64_t(dims.size())));
  const int64_t inner = element_count(std::span(dims).subspan(axis + 1));
  int64_t begin = 0;  // on the axis
  for (uint32_t i = 0; i < count; ++i) {
    const Tensor x = c.input(kFirst + i * kPerInput);
    require(x.dtype() == type && c.input(kFirst + i * kPerInput + 2).dtype() == type, "tensor ", i,
            " is not of type ", dtype_name(type));
    require(c.input(kFirst + i * kPerInput + 1).dtype() == HRT_FLOAT32, "the scale of tensor ", i,
            " is not float32");
    const Quantization from(c, kFirst + i * kPerInput + 1, type);
    const Reader read(x);
    const int64_t line = parts[i][axis] * inner;
    for (int64_t k = 0; k < x.size(); ++k)
      write((k / line * dims[axis] + begin) * inner + k % line, to.quantize(from.real(read(k))));
    begin += parts[i][axis];
  }
}

const Register qlinear_concat(Op{
    .domain = kMicrosoft,
    .name = "QLinearConcat",
    .since = 1,
    .doc = "tensors, one after the other along an axis, quantized",
    .inputs = {{"Y_scale", "float32"},
               {"Y_zero_point", "T8"},
               {"inputs", "TV", HRT_PARAM_VARIADIC | HRT_PARAM_HETEROGENEOUS}},
    .outputs = {{"Y", "T8"}},
    .attrs = {{"axis", HRT_ATTR_INT, "", true}},
    .types = {{"T8", kBytes}, {"TV", kBytes | bits(HRT_FLOAT32)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
