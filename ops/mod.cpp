// SPDX-License-Identifier: Apache-2.0
// Mod: remainder, broadcast. The sign is the divisor's as in Python, with fmod=1 the dividend's as in C;
// a floating-point remainder of zero has that sign too.
// https://onnx.ai/onnx/operators/onnx__Mod.html
#include "elementwise.h"

namespace hrt::ops {
namespace {

template <class T>
T remainder(T a, T b, bool c_style) {
  if constexpr (std::is_floating_point_v<T>) {
    const T r = std::fmod(a, b);
    if (c_style || std::isnan(r)) return r;
    if (r == 0) return std::copysign(r, b);
    return (r < 0) != (b < 0) ? r + b : r;
  } else {
    require(b != 0, "integer remainder of a division by zero");
    if (std::is_signed_v<T> && b == T(-1)) return 0;  // the lowest has no positive
    const T r = T(a % b);
    return !c_style && r != 0 && (r < 0) != (b < 0) ? T(r + b) : r;
  }
}

std::optional<int64_t> modulo(int64_t a, int64_t b) {
  return b == 0 ? std::nullopt : std::optional(remainder(a, b, false));
}

void infer(const Infer& c) {
  infer_broadcast(c);
  if (!c.node().i("fmod"))
    propagate(c, c.dtype(0), [&](const Dims& v) { return combine(c, v[0], v[1], modulo); });
}

void compute(const Kernel& c) {
  const bool c_style = c.node().i("fmod") != 0;
  zip(c, Numbers{}, [&](auto a, auto b) { return remainder(a, b, c_style); });
}

const Register mod(Op{
    .name = "Mod",
    .since = 28,
    .doc = "remainder of a / b",
    .inputs = {{"A", "T"}, {"B", "T"}},
    .outputs = {{"C", "T"}},
    .attrs = {{"fmod", HRT_ATTR_INT, "0"}},
    .types = {{"T", kNumber}},
    .inplace = {{0, 0}, {1, 0}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
