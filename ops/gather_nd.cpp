// SPDX-License-Identifier: Apache-2.0
// GatherND: slices of data by index tuples. https://onnx.ai/onnx/operators/onnx__GatherND.html
#include "dims.h"
#include "scatter.h"

namespace hrt::ops {
namespace {

Dims gathered(std::span<const int64_t> data, std::span<const int64_t> indices, int64_t batch) {
  const int64_t r = int64_t(data.size()), q = int64_t(indices.size());
  require(r >= 1 && q >= 1, "data and indices must have rank 1 at least");
  require(batch >= 0 && batch < std::min(q, r), "batch_dims is ", batch, " for ranks ", r, " and ", q);
  const int64_t depth = indices.back();
  require(depth >= 0 && depth <= r - batch, "indices of ", depth, " numbers for data of shape ", data);
  Dims out(indices.begin(), indices.end() - 1);
  out.insert(out.end(), data.begin() + batch + depth, data.end());
  return out;
}

void infer(const Infer& c) {
  const auto data = c.dims(0), indices = c.dims(1);
  if (!data || !indices || indices->empty() || !is_number(indices->back())) return output_unranked(c);
  c.output(0, TensorType(c.dtype(0), gathered(*data, *indices, c.node().i("batch_dims"))));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), indices = c.input(1);
  const int64_t batch = c.node().i("batch_dims");
  const Tensor y = c.output(0, x.dtype(), gathered(x.dims(), indices.dims(), batch));
  require(std::ranges::equal(x.dims().first(size_t(batch)), indices.dims().first(size_t(batch))),
          "the first ", batch, " dimensions of ", x.dims(), " and ", indices.dims(), " differ");
  const Dims which = to_int64s(indices);
  const auto dims = x.dims().subspan(size_t(batch));  // of one batch
  const Dims strides = strides_of(dims);
  const int64_t depth = indices.dims().back();
  const int64_t slice = element_count(dims.subspan(size_t(depth)));
  const int64_t batches = element_count(x.dims().first(size_t(batch)));
  const int64_t tuples =
      element_count(indices.dims().subspan(size_t(batch)).first(size_t(indices.rank() - 1 - batch)));
  const Mover move(y, x);
  for (int64_t b = 0; b < batches; ++b)
    for (int64_t t = b * tuples; t < (b + 1) * tuples; ++t) {
      const auto tuple = std::span(which).subspan(size_t(t * depth), size_t(depth));
      move(t * slice, b * element_count(dims) + tuple_offset(tuple, dims, strides), slice);
    }
}

const Register gather_nd(Op{
    .name = "GatherND",
    .since = 13,
    .doc = "slices of data by index tuples",
    .inputs = {{"data", "T"}, {"indices", "int64"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"batch_dims", HRT_ATTR_INT, "0"}},
    .types = {{"T", kAny}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
