// SPDX-License-Identifier: Apache-2.0
// Optional: wraps a value, or makes an empty one. https://onnx.ai/onnx/operators/onnx__Optional.html
// OptionalGetElement, OptionalHasElement: what is inside, and whether there is anything.
#include "types.h"

namespace hrt::ops {
namespace {

const hrt_type* declared(const Node& node) { return node.attr("type").c().value_type; }

void infer_optional(const Infer& c) {
  const hrt_type* t = c.has(0) ? c.type(0) : declared(c.node());
  require(c.has(0) || t, "an empty optional needs the attribute type");
  if (t) c.output(0, TypeTree::optional(TypeTree(*t)).c());
}

void optional(const Kernel& c) {
  const hrt_value* inside = c.value(0);
  const hrt_type* t = inside ? &Kernel::type(inside) : declared(c.node());
  require(t != nullptr, "an empty optional needs the attribute type");
  c.output_value(0, c.make_optional(*t, inside));
}

// Other values pass: an optional that is surely full may come without its wrapping.
void infer_get(const Infer& c) {
  const hrt_type* t = c.type(0);
  if (t && t->kind == HRT_KIND_OPTIONAL) t = t->element;
  if (t) c.output(0, *t);
}

void get(const Kernel& c) {
  const hrt_value* v = c.value(0);
  if (Kernel::kind(v) == HRT_KIND_OPTIONAL) {
    require(Kernel::count(v) == 1, "the optional is empty");
    v = Kernel::at(v, 0);
  }
  c.output_value(0, v);
}

void has(const Kernel& c) {
  const hrt_value* v = c.value(0);
  *c.output(0, HRT_BOOL, Dims{}).data<bool>() =
      v && (Kernel::kind(v) != HRT_KIND_OPTIONAL || Kernel::count(v) == 1);
}

const Register optional_op(Op{
    .name = "Optional",
    .since = 15,
    .doc = "an optional that holds the input, or nothing",
    .inputs = {{"input", "V", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "O"}},
    .attrs = {{"type", HRT_ATTR_TYPE}},
    .types = {{"V", kAny, kAny}, {"O", 0, 0, kAny}},
    .infer = infer_optional,
    .compute = optional,
});

const Register get_op(Op{
    .name = "OptionalGetElement",
    .since = 18,
    .doc = "what an optional holds",
    .inputs = {{"input", "O"}},
    .outputs = {{"output", "V"}},
    .types = {{"O", kAny, kAny, kAny}, {"V", kAny, kAny}},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = infer_get,
    .compute = get,
});

const Register has_op(Op{
    .name = "OptionalHasElement",
    .since = 18,
    .doc = "whether an optional holds anything",
    .inputs = {{"input", "O", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "B"}},
    .types = {{"O", kAny, kAny, kAny}, {"B", kBool}},
    .infer = [](const Infer& c) { c.output(0, TensorType(HRT_BOOL, Dims{})); },
    .compute = has,
});

}  // namespace
}  // namespace hrt::ops
