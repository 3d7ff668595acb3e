// SPDX-License-Identifier: Apache-2.0
// Clip: min(max, max(min, x)); the bounds are optional scalars.
// https://onnx.ai/onnx/operators/onnx__Clip.html
#include "activation.h"
#include "elementwise.h"

namespace hrt::ops {
namespace {

// A bound that is given, else what limits nothing.
template <class T>
acc_t<T> bound(const Kernel& c, uint32_t input, acc_t<T> none) {
  const auto t = c.optional(input);
  if (!t) return none;
  require(t->size() == 1, input == 1 ? "min" : "max", " has shape ", t->dims(), ", not scalar");
  return *t->data<T>();
}

void compute(const Kernel& c) {
  dispatch(Numbers{}, c.input(0).dtype(), [&]<class T>() {
    using Limits = std::numeric_limits<acc_t<T>>;
    constexpr bool inf = Limits::has_infinity;
    const auto low = bound<T>(c, 1, inf ? -Limits::infinity() : Limits::lowest());
    const auto high = bound<T>(c, 2, inf ? Limits::infinity() : Limits::max());
    map(c, TypeList<T>{}, [=](acc_t<T> v) { return clip(v, low, high); });
  });
}

const Register clip_op(Op{
    .name = "Clip",
    .since = 13,
    .doc = "x limited to min ... max",
    .inputs = {{"input", "T"}, {"min", "T", HRT_PARAM_OPTIONAL}, {"max", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "T"}},
    .types = {{"T", kNumber}},
    .inplace = {{0, 0}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
