// SPDX-License-Identifier: Apache-2.0
// MeanVarianceNormalization: (x - mean) / (standard deviation + 1e-9), both over the given axes.
// https://onnx.ai/onnx/operators/onnx__MeanVarianceNormalization.html
#include "norm.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Dims axes = normalise_axes(c.node().ints("axes", {0, 2, 3}), x.rank());
  const Dims strides = strides_of(x.dims());
  Dims kept(x.dims().begin(), x.dims().end()), gone(x.dims().size(), 1);
  for (int64_t a : axes) std::swap(kept[size_t(a)], gone[size_t(a)]);
  const int64_t groups = element_count(kept), size = element_count(gone);
  const Tensor y = c.output(0, x.dtype(), x.dims());
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    Counter group(kept, {strides});
    for (int64_t g = 0; size > 0 && g < groups; ++g, group.next()) {
      auto offsets = [&](auto f) {
        Counter at(gone, {strides});
        for (int64_t i = 0; i < size; ++i, at.next()) f(group.offset(0) + at.offset(0));
      };
      const Moments m =
          moments(size, [&](auto f) { offsets([&](int64_t i) { f(double(x.data<T>()[i])); }); });
      const double deviation = std::sqrt(m.variance) + 1e-9;
      offsets(
          [&](int64_t i) { y.data<T>()[i] = T(acc_t<T>((double(x.data<T>()[i]) - m.mean) / deviation)); });
    }
  });
}

const Register mvn(Op{
    .name = "MeanVarianceNormalization",
    .since = 13,
    .doc = "(x - mean) / standard deviation over axes",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"axes", HRT_ATTR_INTS, "0, 2, 3"}},
    .types = {{"T", kFloat}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
