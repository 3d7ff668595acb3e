// SPDX-License-Identifier: Apache-2.0
// SplitToSequence: a sequence of the parts of a tensor.
// https://onnx.ai/onnx/operators/onnx__SplitToSequence.html
#include "dims.h"
#include "elements.h"
#include "types.h"

namespace hrt::ops {
namespace {

bool keeps_axis(const Node& node) { return node.has_input(1) || node.i("keepdims", 1) != 0; }

void infer(const Infer& c) {
  auto dims = c.dims(0);
  if (dims) {
    const int64_t axis = normalise_axis(c.node().i("axis"), int64_t(dims->size()));
    if (keeps_axis(c.node()))
      (*dims)[size_t(axis)] = HRT_DIM_UNKNOWN;
    else
      dims->erase(dims->begin() + axis);
  }
  const TypeTree part(dims ? TensorType(c.dtype(0), *dims) : TensorType(c.dtype(0)));
  c.output(0, TypeTree::sequence(part).c());
}

// A scalar: parts of that size, the last one smaller; else the sizes themselves.
Dims parts_of(const std::optional<Tensor>& split, int64_t n) {
  if (split && split->rank() > 0) {
    const Dims parts = to_int64s(*split);
    int64_t sum = 0;
    for (int64_t p : parts) {
      require(p >= 0, "a part has ", p, " elements");
      sum = checked_add(sum, p);
    }
    require(sum == n, "the parts sum to ", sum, ", the axis has ", n);
    return parts;
  }
  const int64_t size = split ? to_int64s(*split)[0] : 1;
  require(size > 0, "parts of ", size, " elements");
  Dims parts;
  for (int64_t left = n; left > 0; left -= parts.back()) parts.push_back(std::min(size, left));
  return parts;
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const size_t axis = size_t(normalise_axis(c.node().i("axis"), x.rank()));
  const int64_t n = x.dim(int(axis));
  const int64_t outer = element_count(x.dims().first(axis)),
                inner = element_count(x.dims().subspan(axis + 1));
  const bool keep = keeps_axis(c.node());
  std::vector<const hrt_value*> items;
  int64_t begin = 0;
  TensorType element(x.dtype(), Dims(x.dims().begin(), x.dims().end()));
  for (int64_t part : parts_of(c.optional(1), n)) {
    Dims dims(x.dims().begin(), x.dims().end());
    dims[axis] = part;
    if (!keep) dims.erase(dims.begin() + int64_t(axis));
    const Tensor y = c.make(x.dtype(), dims);
    const Mover move(y, x);
    for (int64_t o = 0; o < outer; ++o) move(o * part * inner, (o * n + begin) * inner, part * inner);
    items.push_back(y.c().value);
    begin += part;
  }
  if (keep)
    element.dims[axis] = HRT_DIM_UNKNOWN;
  else
    element.dims.erase(element.dims.begin() + int64_t(axis));
  c.output_value(0, c.make_sequence(element.c(), items));
}

const Register split_to_sequence(Op{
    .name = "SplitToSequence",
    .since = 24,
    .doc = "a sequence of the parts of a tensor along an axis",
    .inputs = {{"input", "T"}, {"split", "I", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output_sequence", "S"}},
    .attrs = {{"axis", HRT_ATTR_INT, "0"}, {"keepdims", HRT_ATTR_INT, "1"}},
    .types = {{"T", kAny}, {"I", kIndex}, {"S", 0, kAny}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
