// SPDX-License-Identifier: Apache-2.0
// Dropout: x as it is; in training, elements are set to 0 with probability `ratio` and the rest scaled up.
// https://onnx.ai/onnx/operators/onnx__Dropout.html
#include "norm.h"
#include "random.h"

namespace hrt::ops {
namespace {

using Types =
    TypeList<float, double, float16, bfloat16, float8e4m3fn, float8e4m3fnuz, float8e5m2, float8e5m2fnuz>;
constexpr uint64_t kTypes = kFloat | (kFloat8 & ~bits(HRT_FLOAT8E8M0));

void infer(const Infer& c) {
  infer_same(c);
  const auto x = c.dims(0);
  if (c.output_count() > 1) c.output(1, x ? TensorType(HRT_BOOL, *x) : TensorType(HRT_BOOL));
}

double ratio_of(const Kernel& c) {
  const auto t = c.optional(1);
  if (!t) return 0.5;
  require(t->size() == 1, "ratio has shape ", t->dims(), ", not scalar");
  double ratio = 0;
  dispatch(Types{}, t->dtype(), [&]<class T>() { ratio = double(*t->data<T>()); });
  require(ratio >= 0 && ratio < 1, "ratio is ", ratio, ", not in [0, 1)");
  return ratio;
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const auto training = c.optional(2);
  require(!training || training->size() == 1, "training_mode is not a scalar");
  const double ratio = training && *training->data<bool>() ? ratio_of(c) : 0;
  const Tensor y = c.output(0, x.dtype(), x.dims());
  bool* mask = c.wanted(1) ? c.output(1, HRT_BOOL, x.dims()).data<bool>() : nullptr;
  if (ratio == 0) {
    if (x.bytes() && y.raw() != x.raw()) std::memcpy(y.raw(), x.raw(), x.bytes());
    if (mask) std::fill_n(mask, x.size(), true);
    return;
  }
  Random random(c.node());
  dispatch(Types{}, x.dtype(), [&]<class T>() {
    using A = std::conditional_t<std::is_same_v<T, double>, double, float>;
    for (int64_t i = 0; i < x.size(); ++i) {
      const bool keep = random.uniform() >= ratio;
      y.data<T>()[i] = T(keep ? A(double(x.data<T>()[i]) / (1 - ratio)) : A(0));
      if (mask) mask[i] = keep;
    }
  });
}

const Register dropout(Op{
    .name = "Dropout",
    .since = 22,
    .doc = "x, randomly thinned out in training",
    .inputs = {{"data", "T"},
               {"ratio", "T1", HRT_PARAM_OPTIONAL},
               {"training_mode", "bool", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "T"}, {"mask", "bool", HRT_PARAM_OPTIONAL}},
    .attrs = {{"seed", HRT_ATTR_INT}},
    .types = {{"T", kTypes}, {"T1", kTypes}},
    .inplace = {{0, 0}},
    .flags = HRT_OP_NONDETERMINISTIC,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
