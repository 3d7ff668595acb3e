// SPDX-License-Identifier: Apache-2.0
// CenterCropPad: crops or zero-pads both sides alike. https://onnx.ai/onnx/operators/onnx__CenterCropPad.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

Dims target(const Node& node, std::span<const int64_t> in, const Dims& shape) {
  Dims axes, out(in.begin(), in.end());
  for (size_t i = 0; i < in.size(); ++i) axes.push_back(int64_t(i));
  if (node.has("axes")) axes = normalise_axes(node.ints("axes"), int64_t(in.size()));
  require(shape.size() == axes.size(), "a shape of ", shape.size(), " numbers for ", axes.size(), " axes");
  for (size_t i = 0; i < axes.size(); ++i) {
    require(!is_number(shape[i]) || shape[i] >= 0, "shape has the dimension ", shape[i]);
    out[size_t(axes[i])] = shape[i];
  }
  return out;
}

void infer(const Infer& c) {
  const auto in = c.dims(0);
  if (!in) return output_unranked(c);
  const auto shape = dims_from(c, 1);
  if (!shape) return output_rank(c, in->size());
  c.output(0, TensorType(c.dtype(0), target(c.node(), *in, *shape)));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Tensor y = c.output(0, x.dtype(), target(c.node(), x.dims(), to_int64s(c.input(1))));
  const Dims strides = strides_of(x.dims());
  const Mover move(y, x), clear(y, c.make(x.dtype(), Dims{}));
  const int64_t n = y.size();
  Counter at(y.dims(), {});
  for (int64_t i = 0; i < n; ++i, at.next()) {
    int64_t from = 0;
    bool inside = true;
    for (int d = 0; d < x.rank(); ++d) {
      const int64_t more = x.dim(d) - y.dim(d);  // cropped (or, negative, padded); halves round to 0
      const int64_t k = at.index()[size_t(d)] + more / 2;
      inside = inside && k >= 0 && k < x.dim(d);
      from += k * strides[size_t(d)];
    }
    if (inside)
      move(i, from);
    else
      clear(i, 0);
  }
}

const Register center_crop_pad(Op{
    .name = "CenterCropPad",
    .since = 18,
    .doc = "crops or zero-pads to a shape, both sides alike",
    .inputs = {{"input_data", "T"}, {"shape", "Tind", HRT_PARAM_SHAPE}},
    .outputs = {{"output_data", "T"}},
    .attrs = {{"axes", HRT_ATTR_INTS}},
    .types = {{"T", kAny}, {"Tind", kIndex}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
