// SPDX-License-Identifier: Apache-2.0
// Identity: the input itself, of whatever kind. https://onnx.ai/onnx/operators/onnx__Identity.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  infer_same(c);
  if (const auto v = tracked(c, 0)) c.output_values(0, *v);
}

void compute(const Kernel& c) {
  if (Kernel::kind(c.value(0)) != HRT_KIND_TENSOR) return c.output_value(0, c.value(0));
  const Tensor x = c.input(0);
  copy_all(c.output(0, x.dtype(), x.dims()), x);
}

const Register identity(Op{
    .name = "Identity",
    .since = 25,
    .doc = "the input itself",
    .inputs = {{"input", "V"}},
    .outputs = {{"output", "V"}},
    .types = {{"V", kAny, kAny, kAny}},
    .inplace = {{0, 0}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
