// SPDX-License-Identifier: Apache-2.0
// SequenceMap: runs a body on every element of sequences.
// https://onnx.ai/onnx/operators/onnx__SequenceMap.html
#include "body.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  std::vector<const hrt_type*> in;
  for (uint32_t i = 0; i < c.input_count(); ++i) {
    const hrt_type* t = c.type(i);
    in.push_back(t && t->kind == HRT_KIND_SEQUENCE ? t->element : t);
  }
  const auto out = infer_body(c, "body", in);
  for (uint32_t i = 0; i < out.size(); ++i)
    if (out[i]) c.output(i, TypeTree::sequence(TypeTree(*out[i])).c());
}

void compute(const Kernel& c) {
  const Graph body = body_of(c.node(), "body");
  const size_t outputs = body.outputs().size(), n = Kernel::count(c.value(0));
  require(outputs >= c.output_count(), "the body gives ", outputs, " values, ", c.output_count(),
          " are wanted");
  std::vector<std::vector<const hrt_value*>> results(outputs);
  for (size_t i = 0; i < n; ++i) {
    c.check_cancelled();
    std::vector<const hrt_value*> in;
    for (uint32_t k = 0; k < c.input_count(); ++k) {
      const hrt_value* v = c.value(k);
      const bool sequence = Kernel::kind(v) == HRT_KIND_SEQUENCE;
      require(!sequence || Kernel::count(v) == n, "input ", k, " has ", Kernel::count(v), " elements, not ",
              n);
      in.push_back(sequence ? Kernel::at(v, i) : v);
    }
    const auto out = c.run_body("body", in, outputs);
    for (size_t k = 0; k < outputs; ++k) results[k].push_back(out[k]);
  }
  for (uint32_t k = 0; k < c.output_count(); ++k) {
    if (!c.wanted(k)) continue;
    TypeTree element(n ? Kernel::type(results[k][0]) : body.value(body.outputs()[k]).type());
    for (const hrt_value* v : results[k]) element.join(TypeTree(Kernel::type(v)));
    c.output_value(k, c.make_sequence(element.c(), results[k]));
  }
}

const Register sequence_map(Op{
    .name = "SequenceMap",
    .since = 17,
    .doc = "runs a body on every element of sequences",
    .inputs = {{"input_sequence", "S"},
               {"additional_inputs", "V", HRT_PARAM_VARIADIC | HRT_PARAM_HETEROGENEOUS | HRT_PARAM_OPTIONAL}},
    .outputs = {{"out_sequence", "S", HRT_PARAM_VARIADIC | HRT_PARAM_HETEROGENEOUS}},
    .attrs = {{"body", HRT_ATTR_GRAPH, "", true}},
    .types = {{"S", 0, kAny}, {"V", kAny, kAny}},
    .flags = HRT_OP_CONTROL | HRT_OP_DATA_SHAPE,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
