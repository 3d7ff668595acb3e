// SPDX-License-Identifier: Apache-2.0
// StringConcat: strings joined element by element. https://onnx.ai/onnx/operators/onnx__StringConcat.html
#include "op.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor a = c.input(0), b = c.input(1);
  const Tensor y = c.output(0, HRT_STRING, broadcast(a.dims(), b.dims()));
  const int64_t n = y.size();
  Counter at(y.dims(), {broadcast_strides(a.dims(), y.dims()), broadcast_strides(b.dims(), y.dims())});
  for (int64_t i = 0; i < n; ++i, at.next())
    y.set_string(i, cat(a.string(at.offset(0)), b.string(at.offset(1))));
}

const Register string_concat(Op{
    .name = "StringConcat",
    .since = 20,
    .doc = "strings joined element by element",
    .inputs = {{"X", "T"}, {"Y", "T"}},
    .outputs = {{"Z", "T"}},
    .types = {{"T", kString}},
    .infer = infer_broadcast,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
