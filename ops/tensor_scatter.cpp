// SPDX-License-Identifier: Apache-2.0
// TensorScatter: writes new steps into a cache, at each sample's own place.
// https://onnx.ai/onnx/operators/onnx__TensorScatter.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor past = c.input(0), update = c.input(1);
  const std::string mode = c.node().s("mode", "linear");
  require(mode == "linear" || mode == "circular", "there is no mode ", mode);
  require(past.rank() == update.rank(), "shapes ", past.dims(), " and ", update.dims(), " differ in rank");
  const size_t axis = size_t(normalise_axis(c.node().i("axis", -2), past.rank()));
  require(axis > 0, "the axis must not be the batch");
  for (int d = 0; d < past.rank(); ++d)
    require(size_t(d) == axis || past.dim(d) == update.dim(d), "shapes ", past.dims(), " and ", update.dims(),
            " differ beside axis ", axis);
  const int64_t batches = past.dim(0), length = past.dim(int(axis)), steps = update.dim(int(axis));
  require(steps <= length, steps, " steps for a cache of ", length);
  const Dims begin = c.has(2) ? to_int64s(c.input(2)) : Dims(size_t(batches), 0);
  require(int64_t(begin.size()) == batches, "write_indices must have ", batches, " elements");

  const Tensor y = c.output(0, past.dtype(), past.dims());
  copy_all(y, past);
  const int64_t inner = element_count(past.dims().subspan(axis + 1));
  const int64_t middle = element_count(past.dims().subspan(1).first(axis - 1));
  const Mover move(y, update);
  for (int64_t o = 0; o < batches * middle; ++o) {
    const int64_t first = begin[size_t(o / middle)];
    require(first >= 0 && (mode == "circular" || first <= length - steps), "write index ", first, " with ",
            steps, " steps for a cache of ", length);
    for (int64_t t = 0; t < steps; ++t)
      move((o * length + (first % length + t) % length) * inner, (o * steps + t) * inner, inner);
  }
}

const Register tensor_scatter(Op{
    .name = "TensorScatter",
    .since = 24,
    .doc = "a cache with new steps written at each sample's own place",
    .inputs = {{"past_cache", "T"}, {"update", "T"}, {"write_indices", "int64", HRT_PARAM_OPTIONAL}},
    .outputs = {{"present_cache", "T"}},
    .attrs = {{"axis", HRT_ATTR_INT, "-2"}, {"mode", HRT_ATTR_STRING, "linear"}},
    .types = {{"T", kAny}},
    .inplace = {{0, 0}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
