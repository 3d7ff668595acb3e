// SPDX-License-Identifier: Apache-2.0
// ScatterND: a copy of data with slices updated. https://onnx.ai/onnx/operators/onnx__ScatterND.html
#include "dims.h"
#include "scatter.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0), indices = c.input(1), updates = c.input(2);
  require(x.rank() >= 1 && indices.rank() >= 1, "data and indices must have rank 1 at least");
  const int64_t depth = indices.dim(indices.rank() - 1);
  require(depth <= x.rank(), "indices of ", depth, " numbers for data of rank ", x.rank());
  Dims expected(indices.dims().begin(), indices.dims().end() - 1);
  expected.insert(expected.end(), x.dims().begin() + depth, x.dims().end());
  require(std::ranges::equal(expected, updates.dims()), "updates must have shape ", expected, ", not ",
          updates.dims());
  const Tensor y = c.output(0, x.dtype(), x.dims());
  copy_all(y, x);
  const Dims which = to_int64s(indices), strides = strides_of(x.dims());
  const int64_t slice = element_count(x.dims().subspan(size_t(depth)));
  const int64_t tuples = element_count(indices.dims().first(size_t(indices.rank() - 1)));
  scatter(y, updates, c.node().s("reduction", "none"), [&](auto&& combine) {
    for (int64_t t = 0; t < tuples; ++t) {
      const auto tuple = std::span(which).subspan(size_t(t * depth), size_t(depth));
      const int64_t to = tuple_offset(tuple, x.dims(), strides);
      for (int64_t i = 0; i < slice; ++i) combine(to + i, t * slice + i);
    }
  });
}

const Register scatter_nd(Op{
    .name = "ScatterND",
    .since = 18,
    .doc = "a copy of data with slices updated",
    .inputs = {{"data", "T"}, {"indices", "int64"}, {"updates", "T"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"reduction", HRT_ATTR_STRING, "none"}},
    .types = {{"T", kAny}},
    .inplace = {{0, 0}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
