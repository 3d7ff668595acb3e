// SPDX-License-Identifier: Apache-2.0
// Split: a tensor cut into parts along an axis. https://onnx.ai/onnx/operators/onnx__Split.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

// Parts of equal size, of which the last ones are smaller when n does not divide.
Dims even(const Node& node, size_t outputs, int64_t n) {
  const int64_t parts = node.i("num_outputs", int64_t(outputs));
  require(parts > 0 && size_t(parts) == outputs, "num_outputs is ", parts, ", but there are ", outputs);
  const int64_t size = n / parts + (n % parts != 0);
  Dims out(size_t(parts), 0);
  for (int64_t& part : out) {
    part = std::min(size, n);
    n -= part;
  }
  return out;
}

void check_parts(const Dims& parts, size_t outputs, int64_t n) {
  require(parts.size() == outputs, parts.size(), " parts for ", outputs, " outputs");
  int64_t sum = 0;
  for (int64_t p : parts) {
    require(p >= 0, "a part has ", p, " elements");
    sum = checked_add(sum, p);
  }
  require(sum == n, "the parts sum to ", sum, ", the axis has ", n);
}

void infer(const Infer& c) {
  const auto in = c.dims(0);
  const size_t outputs = c.output_count();
  if (!in) {
    for (uint32_t i = 0; i < outputs; ++i) c.output(i, TensorType(c.dtype(0)));
    return;
  }
  const size_t axis = size_t(normalise_axis(c.node().i("axis"), int64_t(in->size())));
  const int64_t n = (*in)[axis];
  Dims parts(outputs, n == HRT_DIM_UNKNOWN || c.has(1) ? HRT_DIM_UNKNOWN : n);
  if (c.has(1)) {
    if (const auto given = c.values(1)) parts = *given;
    if (all_numbers(parts) && is_number(n)) check_parts(parts, outputs, n);
    require(parts.size() == outputs, parts.size(), " parts for ", outputs, " outputs");
  } else if (is_number(n)) {
    parts = even(c.node(), outputs, n);
  } else if (outputs > 1) {
    for (int64_t& p : parts) p = DimMath(c)([](int64_t) { return int64_t(0); }, n);
  }
  const auto values = in->size() == 1 && all_numbers(parts) && is_number(n) ? tracked(c, 0) : std::nullopt;
  int64_t begin = 0;
  for (uint32_t i = 0; i < outputs; ++i) {
    Dims dims = *in;
    dims[axis] = parts[i];
    c.output(i, TensorType(c.dtype(0), dims));
    if (!values) continue;
    c.output_values(i, std::span(*values).subspan(size_t(begin), size_t(parts[i])));
    begin += parts[i];
  }
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const int axis = int(normalise_axis(c.node().i("axis"), x.rank()));
  const int64_t n = x.dim(axis);
  const size_t outputs = c.output_count();
  const Dims parts = c.has(1) ? to_int64s(c.input(1)) : even(c.node(), outputs, n);
  check_parts(parts, outputs, n);
  const int64_t outer = element_count(x.dims().first(size_t(axis)));
  const int64_t inner = element_count(x.dims().subspan(size_t(axis) + 1));
  int64_t begin = 0;
  for (uint32_t i = 0; i < outputs; begin += parts[i], ++i) {
    if (!c.wanted(i)) continue;
    Dims dims(x.dims().begin(), x.dims().end());
    dims[size_t(axis)] = parts[i];
    const Mover move(c.output(i, x.dtype(), dims), x);
    const int64_t run = parts[i] * inner;
    for (int64_t o = 0; o < outer; ++o) move(o * run, (o * n + begin) * inner, run);
  }
}

const Register split(Op{
    .name = "Split",
    .since = 18,
    .doc = "a tensor cut into parts along an axis",
    .inputs = {{"input", "T"}, {"split", "int64", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE}},
    .outputs = {{"outputs", "T", HRT_PARAM_VARIADIC}},
    .attrs = {{"axis", HRT_ATTR_INT, "0"}, {"num_outputs", HRT_ATTR_INT}},
    .types = {{"T", kAny}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
