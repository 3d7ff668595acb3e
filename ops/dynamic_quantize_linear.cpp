// SPDX-License-Identifier: Apache-2.0
// DynamicQuantizeLinear: quantizes to uint8 by the range that the data has.
// https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
#include "quantize.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  const auto dims = c.dims(0);
  c.output(0, dims ? TensorType(HRT_UINT8, *dims) : TensorType(HRT_UINT8));
  c.output(1, TensorType(HRT_FLOAT32, Dims{}));
  c.output(2, TensorType(HRT_UINT8, Dims{}));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const ByteRange range = byte_range(x.span<float>());
  if (c.wanted(0))
    std::transform(x.data<float>(), x.data<float>() + x.size(),
                   c.output(0, HRT_UINT8, x.dims()).data<uint8_t>(),
                   [&](float v) { return range.quantize(v); });
  if (c.wanted(1)) *c.output(1, HRT_FLOAT32, Dims{}).data<float>() = range.scale;
  if (c.wanted(2)) *c.output(2, HRT_UINT8, Dims{}).data<uint8_t>() = convert<uint8_t>(range.zero);
}

const Register dynamic_quantize_linear(Op{
    .name = "DynamicQuantizeLinear",
    .since = 11,
    .doc = "quantizes to uint8 by the range that the data has",
    .inputs = {{"x", "T1"}},
    .outputs = {{"y", "T2"}, {"y_scale", "float32"}, {"y_zero_point", "T2"}},
    .types = {{"T1", bits(HRT_FLOAT32)}, {"T2", bits(HRT_UINT8)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
