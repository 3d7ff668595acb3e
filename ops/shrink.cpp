// SPDX-License-Identifier: Apache-2.0
// Shrink: x + bias below -lambd, x - bias above lambd, 0 between.
// https://onnx.ai/onnx/operators/onnx__Shrink.html
#include "elementwise.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const double bias = c.node().f("bias", 0), lambd = c.node().f("lambd", 0.5f);
  map(c, Numbers{}, [&]<class T>(T x) {
    const double v = double(x);
    const double y = v < -lambd ? v + bias : v > lambd ? v - bias : 0;
    if constexpr (std::is_integral_v<T>)
      return to_integer<T>(y);
    else
      return T(y);
  });
}

const Register shrink(Op{
    .name = "Shrink",
    .since = 9,
    .doc = "x moved towards 0 by bias, 0 where |x| <= lambd",
    .inputs = {{"input", "T"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"bias", HRT_ATTR_FLOAT, "0"}, {"lambd", HRT_ATTR_FLOAT, "0.5"}},
    .types = {{"T", kNumber & ~bits(HRT_BFLOAT16)}},
    .inplace = {{0, 0}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
