// SPDX-License-Identifier: Apache-2.0
// PRelu: x where it is not negative, else slope * x; slope broadcasts to the shape of x.
// https://onnx.ai/onnx/operators/onnx__PRelu.html
#include "elementwise.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0), slope = c.input(1);
  require(std::ranges::equal(broadcast(x.dims(), slope.dims()), x.dims()), "slope of shape ", slope.dims(),
          " does not broadcast to ", x.dims());
  zip(c, TypeList<float, double, float16, bfloat16, int32_t, int64_t, uint32_t, uint64_t>{},
      []<class T>(T v, T s) { return v < 0 ? T(wrap_t<T>(v) * wrap_t<T>(s)) : v; });
}

const Register prelu(Op{
    .name = "PRelu",
    .since = 16,
    .doc = "x, or slope * x where x is negative",
    .inputs = {{"X", "T"}, {"slope", "T"}},
    .outputs = {{"Y", "T"}},
    .types = {{"T", kFloat | kIndex | bits(HRT_UINT32, HRT_UINT64)}},
    .inplace = {{0, 0}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
