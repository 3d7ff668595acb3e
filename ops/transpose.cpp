// SPDX-License-Identifier: Apache-2.0
// Transpose: permutes the axes. https://onnx.ai/onnx/operators/onnx__Transpose.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

Dims permutation(const Node& node, size_t rank) {
  Dims perm = node.ints("perm");
  if (!node.has("perm"))
    for (size_t i = 0; i < rank; ++i) perm.push_back(int64_t(rank - 1 - i));
  require(perm.size() == rank, "perm has ", perm.size(), " entries for rank ", rank);
  return normalise_axes(perm, int64_t(rank));
}

Dims permuted(std::span<const int64_t> dims, const Dims& perm) {
  Dims out;
  for (int64_t axis : perm) out.push_back(dims[size_t(axis)]);
  return out;
}

void infer(const Infer& c) {
  const auto in = c.dims(0);
  if (!in) return output_unranked(c);
  c.output(0, TensorType(c.dtype(0), permuted(*in, permutation(c.node(), in->size()))));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Dims perm = permutation(c.node(), size_t(x.rank()));
  const Tensor y = c.output(0, x.dtype(), permuted(x.dims(), perm));
  const Mover move(y, x);
  Counter at(y.dims(), {permuted(strides_of(x.dims()), perm)});
  const int64_t n = y.size();
  for (int64_t i = 0; i < n; ++i, at.next()) move(i, at.offset(0));
}

const Register transpose(Op{
    .name = "Transpose",
    .since = 25,
    .doc = "permutes the axes; reverses them by default",
    .inputs = {{"data", "T"}},
    .outputs = {{"transposed", "T"}},
    .attrs = {{"perm", HRT_ATTR_INTS}},
    .types = {{"T", kAny}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
