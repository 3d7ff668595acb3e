// SPDX-License-Identifier: Apache-2.0
// ConstantOfShape: one value, repeated. https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

std::optional<Tensor> value_of(const Node& node) {
  auto value = node.tensor("value");
  require(!value || value->size() == 1, "attribute value must have one element");
  return value;
}

void infer(const Infer& c) {
  const auto value = value_of(c.node());
  const hrt_dtype dtype = value ? value->dtype() : HRT_FLOAT32;
  const auto dims = dims_from(c, 0);
  if (!dims) return c.output(0, TensorType(dtype));
  c.output(0, TensorType(dtype, *dims));
  if ((dtype != HRT_INT64 && dtype != HRT_INT32) || !all_numbers(*dims)) return;
  const int64_t n = element_count(*dims);
  if (n <= kMaxTracked) c.output_values(0, Dims(size_t(n), to_int64s(*value)[0]));
}

void compute(const Kernel& c) {
  const auto value = value_of(c.node());
  const Tensor y = c.output(0, value ? value->dtype() : HRT_FLOAT32, to_int64s(c.input(0)));
  if (!value) {
    std::fill_n(y.data<float>(), y.size(), 0.0f);
    return;
  }
  if (y.size() == 0) return;
  Mover(y, *value)(0, 0);
  const Mover again(y, y);  // what is there already, twice as much each time
  for (int64_t n = 1; n < y.size(); n *= 2) again(n, 0, std::min(n, y.size() - n));
}

const Register constant_of_shape(Op{
    .name = "ConstantOfShape",
    .since = 25,
    .doc = "a tensor of a given shape, filled with one value",
    .inputs = {{"input", "T1", HRT_PARAM_SHAPE}},
    .outputs = {{"output", "T2"}},
    .attrs = {{"value", HRT_ATTR_TENSOR, "float32 0"}},
    .types = {{"T1", bits(HRT_INT64)}, {"T2", kAny & ~(kString | kComplex)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
