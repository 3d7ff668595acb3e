// SPDX-License-Identifier: Apache-2.0
// ConcatFromSequence: the tensors of a sequence, one after the other along an old or a new axis.
// https://onnx.ai/onnx/operators/onnx__ConcatFromSequence.html
#include "dims.h"
#include "elements.h"
#include "types.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  const hrt_type* t = element_of(c, 0);
  if (!t || t->kind != HRT_KIND_TENSOR) return;
  if (t->rank < 0) return c.output(0, TensorType(t->dtype));
  Dims dims(t->dims, t->dims + t->rank);
  const bool fresh = c.node().i("new_axis") != 0;
  const int64_t axis = normalise_axis(c.node().i("axis"), t->rank + fresh);
  if (fresh)
    dims.insert(dims.begin() + axis, HRT_DIM_UNKNOWN);
  else
    dims[size_t(axis)] = HRT_DIM_UNKNOWN;
  c.output(0, TensorType(t->dtype, dims));
}

void compute(const Kernel& c) {
  const hrt_value* sequence = c.value(0);
  const size_t n = Kernel::count(sequence);
  require(n > 0, "the sequence is empty");
  std::vector<Tensor> parts;
  for (size_t i = 0; i < n; ++i) parts.push_back(Kernel::tensor_of(Kernel::at(sequence, i)));
  const Tensor& first = parts[0];
  const bool fresh = c.node().i("new_axis") != 0;
  const size_t axis = size_t(normalise_axis(c.node().i("axis"), first.rank() + fresh));
  Dims dims(first.dims().begin(), first.dims().end());
  if (fresh) dims.insert(dims.begin() + int64_t(axis), 0);
  dims[axis] = 0;
  for (const Tensor& p : parts) {
    require(p.rank() == first.rank() && p.dtype() == first.dtype(), "shapes ", first.dims(), " and ",
            p.dims(), " do not concatenate");
    for (int d = 0; d < p.rank(); ++d)
      require(p.dim(d) == first.dim(d) || (!fresh && size_t(d) == axis), "shapes ", first.dims(), " and ",
              p.dims(), " differ beside axis ", axis);
    dims[axis] = checked_add(dims[axis], fresh ? 1 : p.dim(int(axis)));
  }
  const Tensor y = c.output(0, first.dtype(), dims);
  const int64_t outer = element_count(y.dims().first(axis)),
                inner = element_count(y.dims().subspan(axis + 1));
  int64_t begin = 0;
  for (const Tensor& p : parts) {
    const int64_t rows = fresh ? 1 : p.dim(int(axis));
    const Mover move(y, p);
    for (int64_t o = 0; o < outer; ++o)
      move((o * dims[axis] + begin) * inner, o * rows * inner, rows * inner);
    begin += rows;
  }
}

const Register concat_from_sequence(Op{
    .name = "ConcatFromSequence",
    .since = 11,
    .doc = "the tensors of a sequence, concatenated or stacked",
    .inputs = {{"input_sequence", "S"}},
    .outputs = {{"concat_result", "T"}},
    .attrs = {{"axis", HRT_ATTR_INT, "", true}, {"new_axis", HRT_ATTR_INT, "0"}},
    .types = {{"S", 0, kAny}, {"T", kAny}},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
