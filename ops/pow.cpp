// SPDX-License-Identifier: Apache-2.0
// Pow: x to the power of y, broadcast; the result has the type of x, the exponent may have another one.
// https://onnx.ai/onnx/operators/onnx__Pow.html
#include "elementwise.h"

namespace hrt::ops {
namespace {

// base to the power of +-magnitude. Integers wrap around; a negative exponent gives the reciprocal
// rounded towards zero.
template <class T>
T integer_power(T base, bool negative, uint64_t magnitude) {
  if (negative) {
    require(base != 0, "zero to a negative power");
    if (base == 1) return 1;
    if (base == T(-1)) return magnitude % 2 ? T(-1) : T(1);
    return 0;
  }
  uint64_t result = 1, square = uint64_t(base);
  for (uint64_t e = magnitude; e; e >>= 1) {
    if (e & 1) result *= square;
    square *= square;
  }
  return T(result);
}

template <class T, class E>
T power(T base, E exponent) {
  if constexpr (std::is_floating_point_v<T>) {
    using Wide = std::conditional_t<std::is_same_v<E, float> && std::is_same_v<T, float>, float, double>;
    return T(std::pow(Wide(base), Wide(exponent)));
  } else if constexpr (std::is_integral_v<E>) {
    const bool negative = exponent < 0;
    return integer_power<T>(base, negative, negative ? 0 - uint64_t(exponent) : uint64_t(exponent));
  } else {
    return to_integer<T>(std::pow(double(base), double(exponent)));
  }
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), y = c.input(1);
  const Tensor z = c.output(0, x.dtype(), broadcast(x.dims(), y.dims()));
  dispatch(TypeList<float, double, float16, bfloat16, int32_t, int64_t>{}, x.dtype(), [&]<class T>() {
    dispatch(Numbers{}, y.dtype(),
             [&]<class E>() { zip<T, E, T>(x, y, z, [](acc_t<T> a, acc_t<E> b) { return power(a, b); }); });
  });
}

const Register pow_op(Op{
    .name = "Pow",
    .since = 15,
    .doc = "x to the power of y",
    .inputs = {{"X", "T"}, {"Y", "T1"}},
    .outputs = {{"Z", "T"}},
    .types = {{"T", kFloat | kIndex}, {"T1", kNumber}},
    .inplace = {{0, 0}},
    .infer = infer_broadcast,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
