// SPDX-License-Identifier: Apache-2.0
// GatherElements: one element per index, elsewhere at the index's own place.
// https://onnx.ai/onnx/operators/onnx__GatherElements.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  const auto indices = c.dims(1);
  c.output(0, indices ? TensorType(c.dtype(0), *indices) : TensorType(c.dtype(0)));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), indices = c.input(1);
  require(x.rank() == indices.rank(), "data has shape ", x.dims(), ", indices ", indices.dims());
  const size_t axis = size_t(normalise_axis(c.node().i("axis"), x.rank()));
  for (int d = 0; d < x.rank(); ++d)
    require(size_t(d) == axis || indices.dim(d) <= x.dim(d), "indices of shape ", indices.dims(),
            " go beyond data of shape ", x.dims());
  const Tensor y = c.output(0, x.dtype(), indices.dims());
  const Mover move(y, x);
  const int64_t n = x.dim(int(axis)), step = strides_of(x.dims())[axis];
  const Dims which = to_int64s(indices);
  Dims strides = strides_of(x.dims());
  strides[axis] = 0;
  Counter at(indices.dims(), {strides});
  for (size_t i = 0; i < which.size(); ++i, at.next()) {
    const int64_t k = which[i];
    require(k >= -n && k < n, "index ", k, " is outside the ", n, " elements of axis ", axis);
    move(int64_t(i), at.offset(0) + (k < 0 ? k + n : k) * step);
  }
}

const Register gather_elements(Op{
    .name = "GatherElements",
    .since = 13,
    .doc = "one element per index, along one axis",
    .inputs = {{"data", "T"}, {"indices", "Tind"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"axis", HRT_ATTR_INT, "0"}},
    .types = {{"T", kAny}, {"Tind", kIndex}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
