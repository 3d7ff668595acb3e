// SPDX-License-Identifier: Apache-2.0
// Sequences of tensors: SequenceConstruct, SequenceEmpty, SequenceAt, SequenceInsert, SequenceErase,
// SequenceLength. https://onnx.ai/onnx/operators/onnx__SequenceConstruct.html and the like.
#include "elements.h"
#include "types.h"

namespace hrt::ops {
namespace {

std::vector<const hrt_value*> items_of(const hrt_value* sequence) {
  std::vector<const hrt_value*> items;
  for (size_t i = 0; i < Kernel::count(sequence); ++i) items.push_back(Kernel::at(sequence, i));
  return items;
}

// The position that an input names (from the back when negative), or the default when it is absent.
size_t position(const Kernel& c, uint32_t input, int64_t n, int64_t last, int64_t absent) {
  if (!c.has(input)) return size_t(absent);
  const int64_t p = int_scalar_of(c.input(input), "position");
  require(p >= -n && p <= last, "position ", p, " is outside a sequence of ", n);
  return size_t(p < 0 ? p + n : p);
}

void output_sequence(const Kernel& c, const hrt_type& element, std::span<const hrt_value* const> items) {
  c.output_value(0, c.make_sequence(element, items));
}

void infer_construct(const Infer& c) {
  std::optional<TypeTree> element;
  bool all_known = true;
  for (uint32_t i = 0; i < c.input_count(); ++i) {
    const hrt_type* t = c.type(i);
    if (!t)
      all_known = false;
    else if (element)
      element->join(TypeTree(*t));
    else
      element.emplace(*t);
  }
  if (!element) return;
  if (!all_known) element->forget_shape();
  c.output(0, TypeTree::sequence(*element).c());
}

void construct(const Kernel& c) {
  std::vector<const hrt_value*> items;
  for (uint32_t i = 0; i < c.input_count(); ++i) items.push_back(c.value(i));
  TypeTree element(Kernel::type(items.at(0)));
  for (const hrt_value* v : items) element.join(TypeTree(Kernel::type(v)));
  output_sequence(c, element.c(), items);
}

TensorType empty_element(const Node& node) {
  const int64_t t = node.i("dtype", HRT_FLOAT32);
  require(t > HRT_UNDEFINED && t < HRT_DTYPE_COUNT, "attribute dtype: there is no element type ", t);
  return TensorType(hrt_dtype(t));
}

void infer_empty(const Infer& c) { c.output(0, TypeTree::sequence(TypeTree(empty_element(c.node()))).c()); }
void empty(const Kernel& c) { output_sequence(c, empty_element(c.node()).c(), {}); }

void infer_at(const Infer& c) {
  if (const hrt_type* element = element_of(c, 0)) c.output(0, *element);
}

void at(const Kernel& c) {
  const hrt_value* sequence = c.value(0);
  const int64_t n = int64_t(Kernel::count(sequence));
  c.output_value(0, Kernel::at(sequence, position(c, 1, n, n - 1, 0)));
}

void infer_insert(const Infer& c) {
  const hrt_type* element = element_of(c, 0);
  if (!element) return;
  TypeTree joined(*element);
  if (const hrt_type* t = c.type(1))
    joined.join(TypeTree(*t));
  else
    joined.forget_shape();
  c.output(0, TypeTree::sequence(joined).c());
}

void insert(const Kernel& c) {
  auto items = items_of(c.value(0));
  const int64_t n = int64_t(items.size());
  TypeTree element(*Kernel::type(c.value(0)).element);
  element.join(TypeTree(Kernel::type(c.value(1))));
  items.insert(items.begin() + int64_t(position(c, 2, n, n, n)), c.value(1));
  output_sequence(c, element.c(), items);
}

void erase(const Kernel& c) {
  auto items = items_of(c.value(0));
  const int64_t n = int64_t(items.size());
  require(n > 0, "the sequence is empty");
  items.erase(items.begin() + int64_t(position(c, 1, n, n - 1, n - 1)));
  output_sequence(c, *Kernel::type(c.value(0)).element, items);
}

void length(const Kernel& c) {
  *c.output(0, HRT_INT64, Dims{}).data<int64_t>() = int64_t(Kernel::count(c.value(0)));
}

const Types kTensors{"T", kAny}, kSequences{"S", 0, kAny}, kPosition{"I", kIndex};

const Register construct_op(Op{
    .name = "SequenceConstruct",
    .since = 11,
    .doc = "a sequence of the inputs",
    .inputs = {{"inputs", "T", HRT_PARAM_VARIADIC}},
    .outputs = {{"output_sequence", "S"}},
    .types = {kTensors, kSequences},
    .infer = infer_construct,
    .compute = construct,
});

const Register empty_op(Op{
    .name = "SequenceEmpty",
    .since = 11,
    .doc = "an empty sequence",
    .outputs = {{"output", "S"}},
    .attrs = {{"dtype", HRT_ATTR_INT, "float32"}},
    .types = {kSequences},
    .infer = infer_empty,
    .compute = empty,
});

const Register at_op(Op{
    .name = "SequenceAt",
    .since = 11,
    .doc = "one tensor of a sequence",
    .inputs = {{"input_sequence", "S"}, {"position", "I"}},
    .outputs = {{"tensor", "T"}},
    .types = {kSequences, kTensors, kPosition},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = infer_at,
    .compute = at,
});

const Register insert_op(Op{
    .name = "SequenceInsert",
    .since = 11,
    .doc = "a sequence with a tensor inserted",
    .inputs = {{"input_sequence", "S"}, {"tensor", "T"}, {"position", "I", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output_sequence", "S"}},
    .types = {kSequences, kTensors, kPosition},
    .infer = infer_insert,
    .compute = insert,
});

const Register erase_op(Op{
    .name = "SequenceErase",
    .since = 11,
    .doc = "a sequence with a tensor removed",
    .inputs = {{"input_sequence", "S"}, {"position", "I", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output_sequence", "S"}},
    .types = {kSequences, kPosition},
    .infer = infer_same,
    .compute = erase,
});

const Register length_op(Op{
    .name = "SequenceLength",
    .since = 11,
    .doc = "the number of tensors in a sequence",
    .inputs = {{"input_sequence", "S"}},
    .outputs = {{"length", "I"}},
    .types = {kSequences, {"I", bits(HRT_INT64)}},
    .infer = [](const Infer& c) { c.output(0, TensorType(HRT_INT64, Dims{})); },
    .compute = length,
});

}  // namespace
}  // namespace hrt::ops
