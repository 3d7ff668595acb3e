// SPDX-License-Identifier: Apache-2.0
// ScatterElements: a copy of data with single elements updated.
// https://onnx.ai/onnx/operators/onnx__ScatterElements.html
#include "dims.h"
#include "scatter.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0), indices = c.input(1), updates = c.input(2);
  require(x.rank() == indices.rank() && std::ranges::equal(indices.dims(), updates.dims()), "data has shape ",
          x.dims(), ", indices ", indices.dims(), ", updates ", updates.dims());
  const size_t axis = size_t(normalise_axis(c.node().i("axis"), x.rank()));
  for (int d = 0; d < x.rank(); ++d)
    require(size_t(d) == axis || indices.dim(d) <= x.dim(d), "indices of shape ", indices.dims(),
            " go beyond data of shape ", x.dims());
  const Tensor y = c.output(0, x.dtype(), x.dims());
  copy_all(y, x);
  Dims strides = strides_of(x.dims());
  const int64_t n = x.dim(int(axis)), step = std::exchange(strides[axis], 0);
  const Dims which = to_int64s(indices);
  scatter(y, updates, c.node().s("reduction", "none"), [&](auto&& combine) {
    Counter at(indices.dims(), {strides});
    for (size_t i = 0; i < which.size(); ++i, at.next()) {
      const int64_t k = which[i];
      require(k >= -n && k < n, "index ", k, " is outside the ", n, " elements of axis ", axis);
      combine(at.offset(0) + (k < 0 ? k + n : k) * step, int64_t(i));
    }
  });
}

const Register scatter_elements(Op{
    .name = "ScatterElements",
    .since = 18,
    .doc = "a copy of data with single elements updated, along one axis",
    .inputs = {{"data", "T"}, {"indices", "Tind"}, {"updates", "T"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"axis", HRT_ATTR_INT, "0"}, {"reduction", HRT_ATTR_STRING, "none"}},
    .types = {{"T", kAny}, {"Tind", kIndex}},
    .inplace = {{0, 0}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
