// SPDX-License-Identifier: Apache-2.0
// RegexFullMatch: which strings a pattern matches whole.
// https://onnx.ai/onnx/operators/onnx__RegexFullMatch.html
#include "regex.h"

#include "op.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  const auto dims = c.dims(0);
  c.output(0, dims ? TensorType(HRT_BOOL, *dims) : TensorType(HRT_BOOL));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Regex regex(c.node().s("pattern"));
  const Tensor y = c.output(0, HRT_BOOL, x.dims());
  for (int64_t i = 0; i < x.size(); ++i) y.data<bool>()[i] = regex.full_match(x.string(i));
}

const Register regex_full_match(Op{
    .name = "RegexFullMatch",
    .since = 20,
    .doc = "which strings a regular expression matches whole",
    .inputs = {{"X", "T1"}},
    .outputs = {{"Y", "T2"}},
    .attrs = {{"pattern", HRT_ATTR_STRING}},
    .types = {{"T1", kString}, {"T2", kBool}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
