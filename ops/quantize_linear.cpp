// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear: round(x / scale) + zero point, saturated.
// https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html
#include "quantize.h"

namespace hrt::ops {
namespace {

hrt_dtype output_type(const Node& node, hrt_dtype zero_point) {
  const hrt_dtype given = dtype_attr(node, "output_dtype");
  require(!given || !zero_point || given == zero_point, "output_dtype is ", dtype_name(given),
          ", the zero point ", dtype_name(zero_point));
  const hrt_dtype type = zero_point ? zero_point : given ? given : hrt_dtype(HRT_UINT8);
  require(kQuantized & HRT_DTYPE_BIT(type), "cannot quantize to ", dtype_name(type));
  return type;
}

void infer(const Infer& c) {
  if (c.has(2) && c.dtype(2) == HRT_UNDEFINED) return;
  const hrt_dtype type = output_type(c.node(), c.dtype(2));
  const auto dims = c.dims(0);
  c.output(0, dims ? TensorType(type, *dims) : TensorType(type));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), scale = c.input(1);
  const auto zero = c.optional(2);
  const Granularity which(c.node(), x, scale, zero);
  const hrt_dtype type = output_type(c.node(), zero ? zero->dtype() : hrt_dtype(HRT_UNDEFINED));
  const hrt_dtype given = dtype_attr(c.node(), "precision"), precision = given ? given : scale.dtype();
  const bool saturate = c.node().i("saturate", 1) != 0;
  const Tensor y = c.output(0, type, x.dims());
  const Reader read(x), read_scale(scale), read_zero(zero ? *zero : scale);
  dispatch_layout(type, [&]<class L>() {
    for (int64_t i = 0; i < x.size(); ++i) {
      const int64_t k = which(i);
      const double ratio = rounded_to(precision, read(i)) / rounded_to(precision, read_scale(k));
      const double v = quantized(rounded_to(precision, ratio), zero ? read_zero(k) : 0, type);
      if constexpr (std::is_constructible_v<typename L::value, float, bool>)
        L::set(y.raw(), i, typename L::value(float(v), saturate));
      else if constexpr (!std::is_same_v<typename L::value, float8e8m0>)
        L::set(y.raw(), i, convert<typename L::value>(v));
    }
  });
}

const Register quantize_linear(Op{
    .name = "QuantizeLinear",
    .since = 25,
    .doc = "round(x / scale) + zero point, saturated",
    .inputs = {{"x", "T1"}, {"y_scale", "T2"}, {"y_zero_point", "T3", HRT_PARAM_OPTIONAL}},
    .outputs = {{"y", "T3"}},
    .attrs = {{"axis", HRT_ATTR_INT, "1"},
              {"block_size", HRT_ATTR_INT, "0"},
              {"output_dtype", HRT_ATTR_INT, "0"},
              {"precision", HRT_ATTR_INT, "0"},
              {"saturate", HRT_ATTR_INT, "1"}},
    .types = {{"T1", bits(HRT_FLOAT32, HRT_FLOAT16, HRT_BFLOAT16, HRT_INT32)},
              {"T2", bits(HRT_FLOAT32, HRT_FLOAT16, HRT_BFLOAT16, HRT_INT32, HRT_FLOAT8E8M0)},
              {"T3", kQuantized}},
    .infer = infer,
    .compute = compute,
});

// The same of com.microsoft, which had 16 and 4 bits before the standard did.
const Register microsoft_quantize_linear(Op{
    .domain = "com.microsoft",
    .name = "QuantizeLinear",
    .since = 1,
    .doc = "round(x / scale) + zero point, saturated",
    .inputs = {{"x", "T1"}, {"y_scale", "T1"}, {"y_zero_point", "T2", HRT_PARAM_OPTIONAL}},
    .outputs = {{"y", "T2"}},
    .attrs = {{"axis", HRT_ATTR_INT, "1"}},
    .types = {{"T1", bits(HRT_FLOAT32, HRT_FLOAT16)},
              {"T2", bits(HRT_INT8, HRT_UINT8, HRT_INT16, HRT_UINT16, HRT_INT4, HRT_UINT4)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
