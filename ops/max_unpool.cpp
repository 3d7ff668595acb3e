// SPDX-License-Identifier: Apache-2.0
// MaxUnpool: puts each element back where MaxPool's Indices say that it came from; the rest is 0.
// https://onnx.ai/onnx/operators/onnx__MaxUnpool.html
#include <algorithm>

#include "window.h"

namespace hrt::ops {
namespace {

// The dims of what MaxPool saw, as far as pads and strides tell; they are what the indices count in.
Dims pooled_from(const Node& node, const Dims& x, const Infer* infer) {
  require(x.size() >= 3, "x has rank ", x.size(), ", not batch, channels and spatial axes");
  const size_t rank = x.size() - 2;
  require(node.ints("kernel_shape").size() == rank, "kernel_shape does not have ", rank, " entries");
  const Dims kernel = per_axis(node, "kernel_shape", rank, 1, 1),
             strides = per_axis(node, "strides", rank, 1, 1);
  const Dims pads = per_axis(node, "pads", 2 * rank, 0, 0);
  Dims out(x.begin(), x.begin() + 2);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t d = x[i + 2];
    if (!is_number(d)) {
      out.push_back(d == HRT_DIM_UNKNOWN ? d : infer->symbol());
      continue;
    }
    require(d <= INT32_MAX, "shape ", x, " is too large");
    out.push_back((d - 1) * strides[i] + kernel[i] - pads[i] - pads[i + rank]);
    require(out.back() >= 0, "padding leaves nothing of axis ", i + 2);
  }
  return out;
}

void infer(const Infer& c) {
  const auto x = c.dims(0);
  if (!x) return c.output(0, TensorType(c.dtype(0)));
  Dims out = pooled_from(c.node(), *x, &c);
  if (c.has(2)) {
    const auto given = c.values(2);
    require(!given || given->size() == x->size(), "output_shape has the wrong length");
    out = given ? *given : Dims(x->size(), HRT_DIM_UNKNOWN);
  }
  c.output(0, TensorType(c.dtype(0), out));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), index = c.input(1);
  require(std::ranges::equal(x.dims(), index.dims()), "indices of shape ", index.dims(), " for x of ",
          x.dims());
  const Dims from = pooled_from(c.node(), Dims(x.dims().begin(), x.dims().end()), nullptr);
  const auto given = c.optional(2);
  const Dims to = given ? to_int64s(*given) : from;
  require(to.size() == from.size(), "output_shape has the wrong length");
  for (size_t i = 0; i < to.size(); ++i)
    require(to[i] >= from[i], "output_shape ", to, " is smaller than ", from);
  const int64_t count = element_count(from);
  const Dims strides = strides_of(to);
  const Tensor y = c.output(0, x.dtype(), to);
  if (y.bytes()) std::memset(y.raw(), 0, y.bytes());
  dispatch_width(x.dtype(), [&]<class T>() {
    for (int64_t i = 0; i < x.size(); ++i) {
      int64_t at = index.data<int64_t>()[i], o = 0;
      require(at >= 0 && at < count, "index ", at, " is outside ", from);
      for (size_t axis = from.size(); axis-- > 0; at /= from[axis]) o += at % from[axis] * strides[axis];
      y.data<T>()[o] = x.data<T>()[i];
    }
  });
}

const Register max_unpool(Op{
    .name = "MaxUnpool",
    .since = 22,
    .doc = "partial inverse of MaxPool",
    .inputs = {{"X", "T1"}, {"I", "int64"}, {"output_shape", "int64", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE}},
    .outputs = {{"output", "T1"}},
    .attrs = {{"kernel_shape", HRT_ATTR_INTS, "", true}, {"pads", HRT_ATTR_INTS}, {"strides", HRT_ATTR_INTS}},
    .types = {{"T1", kFloat}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
