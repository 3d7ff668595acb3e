// SPDX-License-Identifier: Apache-2.0
// OneHot: an axis on which one element is on, the rest off.
// https://onnx.ai/onnx/operators/onnx__OneHot.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

size_t axis_of(const Node& node, size_t rank) {
  return size_t(normalise_axis(node.i("axis", -1), int64_t(rank) + 1));
}

Dims with_depth(std::span<const int64_t> indices, size_t axis, int64_t depth) {
  require(!is_number(depth) || depth >= 0, "depth is ", depth);
  Dims out(indices.begin(), indices.end());
  out.insert(out.begin() + int64_t(axis), depth);
  return out;
}

int64_t depth_of(const Tensor& t) { return convert<int64_t>(scalar_of(t, "depth")); }

void infer(const Infer& c) {
  const auto indices = c.dims(0);
  if (!indices) return c.output(0, TensorType(c.dtype(2)));
  int64_t depth = HRT_DIM_UNKNOWN;
  if (const auto v = c.values(1); v && v->size() == 1)
    depth = (*v)[0];
  else if (const auto t = c.constant(1))
    depth = depth_of(*t);
  c.output(0, TensorType(c.dtype(2), with_depth(*indices, axis_of(c.node(), indices->size()), depth)));
}

void compute(const Kernel& c) {
  const Tensor indices = c.input(0), values = c.input(2);
  require(values.size() == 2, "values must be two: off and on");
  const int64_t depth = depth_of(c.input(1));
  const size_t axis = axis_of(c.node(), size_t(indices.rank()));
  const Tensor y = c.output(0, values.dtype(), with_depth(indices.dims(), axis, depth));
  const int64_t inner = element_count(indices.dims().subspan(axis)), n = y.size();
  const Mover move(y, values);
  const Reader index(indices);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t at = i / inner % depth, k = convert<int64_t>(index(i / inner / depth * inner + i % inner));
    move(i, k == at || k == at - depth ? 1 : 0);
  }
}

const Register one_hot(Op{
    .name = "OneHot",
    .since = 11,
    .doc = "an axis on which the element at the index is on, the rest off",
    .inputs = {{"indices", "T1"}, {"depth", "T2", HRT_PARAM_SHAPE}, {"values", "T3"}},
    .outputs = {{"output", "T3"}},
    .attrs = {{"axis", HRT_ATTR_INT, "-1"}},
    .types = {{"T1", kNumber}, {"T2", kNumber}, {"T3", kAny}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
