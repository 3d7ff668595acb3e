// SPDX-License-Identifier: Apache-2.0
// If: runs one of two bodies. https://onnx.ai/onnx/operators/onnx__If.html
#include "body.h"

namespace hrt::ops {
namespace {

bool truth(const Tensor& condition) {
  require(condition.size() == 1, "the condition must have one element, has shape ", condition.dims());
  return *condition.data<bool>();
}
const char* branch(bool condition) { return condition ? "then_branch" : "else_branch"; }

void infer(const Infer& c) {
  if (const auto known = c.constant(0)) {
    const auto types = infer_body(c, branch(truth(*known)), {});
    for (uint32_t i = 0; i < types.size(); ++i)
      if (types[i]) c.output(i, *types[i]);
    return;
  }
  const auto a = infer_body(c, branch(true), {}), b = infer_body(c, branch(false), {});
  require(a.size() == b.size(), "the branches give ", a.size(), " and ", b.size(), " values");
  for (uint32_t i = 0; i < a.size(); ++i) {
    if (!a[i] || !b[i]) continue;
    TypeTree type(*a[i]);
    type.join(TypeTree(*b[i]));
    c.output(i, type.c());
  }
}

void compute(const Kernel& c) {
  const char* body = branch(truth(c.input(0)));
  const size_t n = body_of(c.node(), body).outputs().size();
  require(n >= c.output_count(), body, " gives ", n, " values, ", c.output_count(), " are wanted");
  const auto values = c.run_body(body, {}, n);
  for (uint32_t i = 0; i < c.output_count(); ++i)
    if (c.wanted(i)) c.output_value(i, values[i]);
}

const Register if_op(Op{
    .name = "If",
    .since = 25,
    .doc = "runs one of two bodies",
    .inputs = {{"cond", "B"}},
    .outputs = {{"outputs", "V", HRT_PARAM_VARIADIC | HRT_PARAM_HETEROGENEOUS}},
    .attrs = {{"then_branch", HRT_ATTR_GRAPH, "", true}, {"else_branch", HRT_ATTR_GRAPH, "", true}},
    .types = {{"V", kAny, kAny, kAny}, {"B", kBool}},
    .flags = HRT_OP_CONTROL | HRT_OP_DATA_SHAPE,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
