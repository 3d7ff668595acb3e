// SPDX-License-Identifier: Apache-2.0
// LpNormalization: x divided by its norm of order 1 or 2 along an axis; 0 where that is 0.
// https://onnx.ai/onnx/operators/onnx__LpNormalization.html
#include <cmath>

#include "op.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const int64_t p = c.node().i("p", 2);
  require(p == 1 || p == 2, "p is ", p, ", not 1 or 2");
  const size_t axis = size_t(normalise_axis(c.node().i("axis", -1), x.rank()));
  const int64_t n = x.dims()[axis], inner = element_count(x.dims().subspan(axis + 1));
  const Tensor y = c.output(0, x.dtype(), x.dims());
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    for (int64_t line = 0; n > 0 && line < x.size() / n; ++line) {
      const int64_t first = line / inner * n * inner + line % inner;
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) {
        const double v = double(x.data<T>()[first + i * inner]);
        sum += p == 1 ? std::fabs(v) : v * v;
      }
      const double norm = p == 1 ? sum : std::sqrt(sum);
      for (int64_t i = first; i < first + n * inner; i += inner)
        y.data<T>()[i] = T(acc_t<T>(norm == 0 ? 0 : double(x.data<T>()[i]) / norm));
    }
  });
}

const Register lp_normalization(Op{
    .name = "LpNormalization",
    .since = 22,
    .doc = "x / norm of x along an axis",
    .inputs = {{"input", "T"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"axis", HRT_ATTR_INT, "-1"}, {"p", HRT_ATTR_INT, "2"}},
    .types = {{"T", kFloat}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
