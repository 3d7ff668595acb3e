// SPDX-License-Identifier: Apache-2.0
// ReverseSequence: the first steps of every sequence, backwards.
// https://onnx.ai/onnx/operators/onnx__ReverseSequence.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0), lens = c.input(1);
  const int64_t time_axis = c.node().i("time_axis", 0), batch_axis = c.node().i("batch_axis", 1);
  require(x.rank() >= 2, "the input must have rank 2 at least");
  require((time_axis == 0 || time_axis == 1) && batch_axis == 1 - time_axis,
          "time_axis and batch_axis must be 0 and 1");
  const int64_t steps = x.dim(int(time_axis)), batches = x.dim(int(batch_axis));
  require(lens.rank() == 1 && lens.size() == batches, "sequence_lens must have ", batches, " elements");
  const Dims strides = strides_of(x.dims());
  const int64_t inner = element_count(x.dims().subspan(2));
  const Mover move(c.output(0, x.dtype(), x.dims()), x);
  for (int64_t b = 0; b < batches; ++b) {
    const int64_t len = lens.data<int64_t>()[b];
    require(len >= 0 && len <= steps, "a sequence of ", len, " steps in ", steps);
    const int64_t base = b * strides[size_t(batch_axis)], step = strides[size_t(time_axis)];
    for (int64_t t = 0; t < steps; ++t)
      move(base + t * step, base + (t < len ? len - 1 - t : t) * step, inner);
  }
}

const Register reverse_sequence(Op{
    .name = "ReverseSequence",
    .since = 10,
    .doc = "the first steps of every sequence, backwards",
    .inputs = {{"input", "T"}, {"sequence_lens", "int64"}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"time_axis", HRT_ATTR_INT, "0"}, {"batch_axis", HRT_ATTR_INT, "1"}},
    .types = {{"T", kAny}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
