// SPDX-License-Identifier: Apache-2.0
// Expand: broadcasts to a shape, both ways. https://onnx.ai/onnx/operators/onnx__Expand.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

template <class Copy>
void expand(std::span<const int64_t> in, const Dims& out, Copy&& copy) {
  const int64_t n = element_count(out);
  Counter at(out, {broadcast_strides(in, out)});
  for (int64_t i = 0; i < n; ++i, at.next()) copy(i, at.offset(0), 1);
}

void infer(const Infer& c) {
  const auto in = c.dims(0);
  const auto shape = dims_from(c, 1);
  if (!in || !shape) return output_unranked(c);
  const Dims out = broadcast(c, *in, *shape);
  c.output(0, TensorType(c.dtype(0), out));
  if (all_numbers(*in)) track_moves(c, out, [&](auto&& copy) { expand(*in, out, copy); });
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Dims out = broadcast(x.dims(), to_int64s(c.input(1)));
  expand(x.dims(), out, Mover(c.output(0, x.dtype(), out), x));
}

const Register expand_op(Op{
    .name = "Expand",
    .since = 13,
    .doc = "the input broadcast to a shape (and the shape to the input)",
    .inputs = {{"input", "T"}, {"shape", "int64", HRT_PARAM_SHAPE}},
    .outputs = {{"output", "T"}},
    .types = {{"T", kAny}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
