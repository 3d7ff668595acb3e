// SPDX-License-Identifier: Apache-2.0
// Squeeze: drops dimensions of 1. https://onnx.ai/onnx/operators/onnx__Squeeze.html
// Unsqueeze: inserts dimensions of 1. https://onnx.ai/onnx/operators/onnx__Unsqueeze.html
#include <algorithm>

#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

bool contains(const Dims& axes, int64_t axis) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

// axes: normalised; none given: all dimensions that are 1.
Dims squeezed(std::span<const int64_t> in, const std::optional<Dims>& axes) {
  Dims out;
  for (size_t i = 0; i < in.size(); ++i) {
    const bool drop = axes ? contains(*axes, int64_t(i)) : in[i] == 1;
    require(!drop || in[i] == 1 || !is_number(in[i]), "axis ", i, " has ", in[i], " elements, not 1");
    if (!drop) out.push_back(in[i]);
  }
  return out;
}

Dims unsqueezed(std::span<const int64_t> in, const Dims& axes) {
  const int64_t rank = int64_t(in.size() + axes.size());
  const Dims at = normalise_axes(axes, rank);
  Dims out;
  for (int64_t i = 0, next = 0; i < rank; ++i) out.push_back(contains(at, i) ? 1 : in[size_t(next++)]);
  return out;
}

// The values pass through unchanged: same elements, same order.
void output(const Infer& c, const Dims& dims) {
  c.output(0, TensorType(c.dtype(0), dims));
  if (const auto v = tracked(c, 0)) c.output_values(0, *v);
}

void infer_squeeze(const Infer& c) {
  const auto in = c.dims(0);
  if (!in) return output_unranked(c);
  if (!c.has(1)) {
    // Which dimensions go is known only when all are numbers.
    if (!all_numbers(*in)) return output_unranked(c);
    return output(c, squeezed(*in, std::nullopt));
  }
  const auto axes = dims_from(c, 1);
  if (!axes) return output_unranked(c);
  require(axes->size() <= in->size(), "more axes than dimensions");
  if (!all_numbers(*axes)) return output_rank(c, in->size() - axes->size());
  output(c, squeezed(*in, normalise_axes(*axes, int64_t(in->size()))));
}

void squeeze(const Kernel& c) {
  const Tensor x = c.input(0);
  std::optional<Dims> axes;
  if (c.has(1)) axes = normalise_axes(to_int64s(c.input(1)), x.rank());
  copy_all(c.output(0, x.dtype(), squeezed(x.dims(), axes)), x);
}

void infer_unsqueeze(const Infer& c) {
  const auto in = c.dims(0);
  const auto axes = dims_from(c, 1);
  if (!in || !axes) return output_unranked(c);
  if (!all_numbers(*axes)) return output_rank(c, in->size() + axes->size());
  output(c, unsqueezed(*in, *axes));
}

void unsqueeze(const Kernel& c) {
  const Tensor x = c.input(0);
  copy_all(c.output(0, x.dtype(), unsqueezed(x.dims(), to_int64s(c.input(1)))), x);
}

const Register squeeze_op(Op{
    .name = "Squeeze",
    .since = 25,
    .doc = "drops dimensions of 1: those named, or all",
    .inputs = {{"data", "T"}, {"axes", "int64", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE}},
    .outputs = {{"squeezed", "T"}},
    .types = {{"T", kAny}},
    .inplace = {{0, 0}},
    .infer = infer_squeeze,
    .compute = squeeze,
});

const Register unsqueeze_op(Op{
    .name = "Unsqueeze",
    .since = 25,
    .doc = "inserts dimensions of 1 at the axes of the output that are named",
    .inputs = {{"data", "T"}, {"axes", "int64", HRT_PARAM_SHAPE}},
    .outputs = {{"expanded", "T"}},
    .types = {{"T", kAny}},
    .inplace = {{0, 0}},
    .infer = infer_unsqueeze,
    .compute = unsqueeze,
});

}  // namespace
}  // namespace hrt::ops
