// SPDX-License-Identifier: Apache-2.0
// AveragePool: the mean of each window, over the elements inside x or inside its padding too.
// https://onnx.ai/onnx/operators/onnx__AveragePool.html
#include "pool.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Window w = pool_window(c, x);
  const Tensor y = c.output(0, x.dtype(), pool_output(x, w));
  const bool with_padding = c.node().i("count_include_pad") != 0;
  const int64_t plane = element_count(w.input);
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    for_each_window(w, x.dim(0) * x.dim(1), [&](int64_t p, int64_t o, const WindowView& view) {
      const T* in = x.data<T>() + p * plane;
      acc_t<T> sum = 0;
      int64_t count = 0;
      view.each([&](int64_t at) {
        sum += in[at];
        ++count;
      });
      if (with_padding) count = view.padded_count();
      y.data<T>()[o] = T(count ? sum / acc_t<T>(count) : 0);
    });
  });
}

const Register average_pool(Op{
    .name = "AveragePool",
    .since = 22,
    .doc = "mean of each window",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = pool_attrs({{"count_include_pad", HRT_ATTR_INT, "0"}}),
    .types = {{"T", kFloat}},
    .infer = infer_pool,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
