// SPDX-License-Identifier: Apache-2.0
// LpPool, GlobalLpPool: the p-norm of each window, of each plane.
// https://onnx.ai/onnx/operators/onnx__LpPool.html, onnx__GlobalLpPool.html
#include <cmath>

#include "global_pool.h"
#include "pool.h"

namespace hrt::ops {
namespace {

int64_t order(const Kernel& c) {
  const int64_t p = c.node().i("p", 2);
  require(p >= 1, "the norm of order ", p, " does not exist");
  return p;
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Window w = pool_window(c, x);
  const Tensor y = c.output(0, x.dtype(), pool_output(x, w));
  const int64_t p = order(c), plane = element_count(w.input);
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    using A = acc_t<T>;
    for_each_window(w, x.dim(0) * x.dim(1), [&](int64_t channel, int64_t o, const WindowView& view) {
      const T* in = x.data<T>() + channel * plane;
      A sum = 0;
      view.each([&](int64_t at) { sum += std::pow(std::abs(A(in[at])), A(p)); });
      y.data<T>()[o] = T(std::pow(sum, 1 / A(p)));
    });
  });
}

void compute_global(const Kernel& c) {
  const int64_t p = order(c);
  global_pool(c, [p]<class A>(auto plane) {
    A sum = 0;
    for (auto v : plane) sum += std::pow(std::abs(A(v)), A(p));
    return std::pow(sum, 1 / A(p));
  });
}

const Register lp_pool(Op{
    .name = "LpPool",
    .since = 22,
    .doc = "p-norm of each window",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = pool_attrs({{"p", HRT_ATTR_INT, "2"}}),
    .types = {{"T", kFloat}},
    .infer = infer_pool,
    .compute = compute,
});

const Register global_lp_pool(Op{
    .name = "GlobalLpPool",
    .since = 22,
    .doc = "p-norm of each plane",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"p", HRT_ATTR_INT, "2"}},
    .types = {{"T", kFloat}},
    .infer = infer_global_pool,
    .compute = compute_global,
});

}  // namespace
}  // namespace hrt::ops
