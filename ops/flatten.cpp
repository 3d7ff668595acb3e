// SPDX-License-Identifier: Apache-2.0
// Flatten: the dimensions before `axis` become rows, the rest columns.
// https://onnx.ai/onnx/operators/onnx__Flatten.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

Dims flattened(const DimMath& m, std::span<const int64_t> in, int64_t axis) {
  const int64_t rank = int64_t(in.size());
  require(axis >= -rank && axis <= rank, "axis ", axis, " is outside rank ", rank);
  if (axis < 0) axis += rank;
  Dims out = {1, 1};
  for (int64_t i = 0; i < rank; ++i) out[i >= axis] = m.mul(out[i >= axis], in[size_t(i)]);
  return out;
}

void infer(const Infer& c) {
  const auto in = c.dims(0);
  if (!in) return output_rank(c, 2);
  c.output(0, TensorType(c.dtype(0), flattened(DimMath(c), *in, c.node().i("axis", 1))));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  copy_all(c.output(0, x.dtype(), flattened(DimMath(), x.dims(), c.node().i("axis", 1))), x);
}

const Register flatten(Op{
    .name = "Flatten",
    .since = 25,
    .doc = "a matrix of the same elements: dimensions before the axis are rows",
    .inputs = {{"input", "T"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"axis", HRT_ATTR_INT, "1"}},
    .types = {{"T", kAny}},
    .inplace = {{0, 0}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
