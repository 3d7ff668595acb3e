// SPDX-License-Identifier: Apache-2.0
// DequantizeLinear: (x - zero point) * scale. https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html
#include "quantize.h"

namespace hrt::ops {
namespace {

hrt_dtype output_type(const Node& node, hrt_dtype scale) {
  const hrt_dtype given = dtype_attr(node, "output_dtype");
  const hrt_dtype type = given ? given : scale == HRT_FLOAT8E8M0 ? hrt_dtype(HRT_FLOAT32) : scale;
  require(!type || kFloat & HRT_DTYPE_BIT(type), "cannot dequantize to ", dtype_name(type));
  return type;
}

void infer(const Infer& c) {
  const hrt_dtype type = output_type(c.node(), c.dtype(1));
  const auto dims = c.dims(0);
  c.output(0, dims ? TensorType(type, *dims) : TensorType(type));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), scale = c.input(1);
  const auto zero = c.optional(2);
  const Granularity which(c.node(), x, scale, zero);
  const Tensor y = c.output(0, output_type(c.node(), scale.dtype()), x.dims());
  const Reader read(x), read_scale(scale), read_zero(zero ? *zero : scale);
  const Writer write(y);
  for (int64_t i = 0; i < x.size(); ++i) {
    const int64_t k = which(i);
    write(i, (read(i) - (zero ? read_zero(k) : 0)) * read_scale(k));
  }
}

const Register dequantize_linear(Op{
    .name = "DequantizeLinear",
    .since = 25,
    .doc = "(x - zero point) * scale",
    .inputs = {{"x", "T1"}, {"x_scale", "T2"}, {"x_zero_point", "T1", HRT_PARAM_OPTIONAL}},
    .outputs = {{"y", "T3"}},
    .attrs = {{"axis", HRT_ATTR_INT, "1"},
              {"block_size", HRT_ATTR_INT, "0"},
              {"output_dtype", HRT_ATTR_INT, "0"}},
    .types = {{"T1", kQuantized | bits(HRT_INT32)},
              {"T2", bits(HRT_FLOAT32, HRT_FLOAT16, HRT_BFLOAT16, HRT_FLOAT8E8M0)},
              {"T3", bits(HRT_FLOAT32, HRT_FLOAT16, HRT_BFLOAT16)}},
    .infer = infer,
    .compute = compute,
});

// The same of com.microsoft, which had 16 and 4 bits before the standard did.
const Register microsoft_dequantize_linear(Op{
    .domain = "com.microsoft",
    .name = "DequantizeLinear",
    .since = 1,
    .doc = "(x - zero point) * scale",
    .inputs = {{"x", "T1"}, {"x_scale", "T2"}, {"x_zero_point", "T1", HRT_PARAM_OPTIONAL}},
    .outputs = {{"y", "T2"}},
    .attrs = {{"axis", HRT_ATTR_INT, "1"}},
    .types = {{"T1", bits(HRT_INT8, HRT_UINT8, HRT_INT16, HRT_UINT16, HRT_INT32, HRT_INT4, HRT_UINT4)},
              {"T2", bits(HRT_FLOAT32, HRT_FLOAT16)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
