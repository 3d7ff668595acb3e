// SPDX-License-Identifier: Apache-2.0
// Shape: the dimensions start ... end-1. https://onnx.ai/onnx/operators/onnx__Shape.html
// Size: the number of elements. https://onnx.ai/onnx/operators/onnx__Size.html
#include <algorithm>

#include "dims.h"

namespace hrt::ops {
namespace {

// Out of range is not an error here: start and end are clamped to [0, rank].
Dims selected(const Node& node, std::span<const int64_t> dims) {
  const int64_t rank = int64_t(dims.size());
  auto clamp = [&](int64_t axis) { return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank); };
  const int64_t start = clamp(node.i("start", 0)), end = clamp(node.i("end", rank));
  return start < end ? Dims(dims.begin() + start, dims.begin() + end) : Dims();
}

void infer_shape(const Infer& c) {
  const auto dims = c.dims(0);
  if (!dims) return c.output(0, TensorType(HRT_INT64, Dims{HRT_DIM_UNKNOWN}));
  const Dims values = selected(c.node(), *dims);
  c.output(0, TensorType(HRT_INT64, Dims{int64_t(values.size())}));
  c.output_values(0, values);
}

void shape(const Kernel& c) {
  const Dims values = selected(c.node(), c.input(0).dims());
  const Tensor y = c.output(0, HRT_INT64, Dims{int64_t(values.size())});
  std::copy(values.begin(), values.end(), y.data<int64_t>());
}

void infer_size(const Infer& c) {
  c.output(0, TensorType(HRT_INT64, Dims{}));
  const auto dims = c.dims(0);
  if (!dims) return;
  int64_t n = 1;
  for (int64_t d : *dims) n = DimMath(c).mul(n, d);
  c.output_values(0, Dims{n});
}

void size(const Kernel& c) { *c.output(0, HRT_INT64, Dims{}).data<int64_t>() = c.input(0).size(); }

const Register shape_op(Op{
    .name = "Shape",
    .since = 25,
    .doc = "the dimensions of a tensor",
    .inputs = {{"data", "T"}},
    .outputs = {{"shape", "T1"}},
    .attrs = {{"start", HRT_ATTR_INT, "0"}, {"end", HRT_ATTR_INT}},
    .types = {{"T", kAny}, {"T1", bits(HRT_INT64)}},
    .infer = infer_shape,
    .compute = shape,
});

const Register size_op(Op{
    .name = "Size",
    .since = 25,
    .doc = "the number of elements of a tensor",
    .inputs = {{"data", "T"}},
    .outputs = {{"size", "T1"}},
    .types = {{"T", kAny}, {"T1", bits(HRT_INT64)}},
    .infer = infer_size,
    .compute = size,
});

}  // namespace
}  // namespace hrt::ops
