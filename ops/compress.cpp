// SPDX-License-Identifier: Apache-2.0
// Compress: the slices whose condition is true. https://onnx.ai/onnx/operators/onnx__Compress.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  const auto in = c.dims(0);
  if (!c.node().has("axis")) return output_rank(c, 1);
  if (!in) return output_unranked(c);
  Dims out = *in;
  out[size_t(normalise_axis(c.node().i("axis"), int64_t(in->size())))] = HRT_DIM_UNKNOWN;
  c.output(0, TensorType(c.dtype(0), out));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), condition = c.input(1);
  Dims dims = {x.size()};  // flattened, unless an axis is given
  size_t axis = 0;
  if (c.node().has("axis")) {
    dims.assign(x.dims().begin(), x.dims().end());
    axis = size_t(normalise_axis(c.node().i("axis"), x.rank()));
  }
  const int64_t n = dims[axis];
  const int64_t outer = element_count(std::span(dims).first(axis));
  const int64_t inner = element_count(std::span(dims).subspan(axis + 1));
  require(condition.rank() == 1 && condition.size() <= n, "a condition of shape ", condition.dims(), " for ",
          n, " slices");
  Dims chosen;
  for (int64_t i = 0; i < condition.size(); ++i)
    if (condition.data<bool>()[i]) chosen.push_back(i);
  dims[axis] = int64_t(chosen.size());
  const Mover move(c.output(0, x.dtype(), dims), x);
  int64_t to = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t k : chosen) {
      move(to, (o * n + k) * inner, inner);
      to += inner;
    }
}

const Register compress(Op{
    .name = "Compress",
    .since = 11,
    .doc = "the slices whose condition is true",
    .inputs = {{"input", "T"}, {"condition", "T1"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"axis", HRT_ATTR_INT}},
    .types = {{"T", kAny}, {"T1", kBool}},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
