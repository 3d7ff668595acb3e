// SPDX-License-Identifier: Apache-2.0
// IsNaN, IsInf: element-wise, the result is boolean. https://onnx.ai/onnx/operators/onnx__IsNaN.html,
// onnx__IsInf.html
#include "elementwise.h"

namespace hrt::ops {
namespace {

using Testable =
    TypeList<float, double, float16, bfloat16, float8e4m3fn, float8e4m3fnuz, float8e5m2, float8e5m2fnuz>;
constexpr uint64_t kTestable = kFloat | (kFloat8 & ~bits(HRT_FLOAT8E8M0));

void infer(const Infer& c) {
  const auto dims = c.dims(0);
  c.output(0, dims ? TensorType(HRT_BOOL, *dims) : TensorType(HRT_BOOL));
}

template <class F>
void test(const Kernel& c, F f) {
  const Tensor x = c.input(0);
  const Tensor y = c.output(0, HRT_BOOL, x.dims());
  dispatch(Testable{}, x.dtype(), [&]<class T>() {
    using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
    for (int64_t i = 0; i < x.size(); ++i) y.data<bool>()[i] = f(Wide(x.data<T>()[i]));
  });
}

void is_nan(const Kernel& c) {
  test(c, [](auto v) { return v != v; });
}
void is_inf(const Kernel& c) {
  const bool negative = c.node().i("detect_negative", 1) != 0,
             positive = c.node().i("detect_positive", 1) != 0;
  test(c, [&](auto v) { return std::isinf(v) && (v < 0 ? negative : positive); });
}

const Register is_nan_op(Op{
    .name = "IsNaN",
    .since = 20,
    .doc = "is it not a number?",
    .inputs = {{"X", "T1"}},
    .outputs = {{"Y", "bool"}},
    .types = {{"T1", kTestable}},
    .infer = infer,
    .compute = is_nan,
});

const Register is_inf_op(Op{
    .name = "IsInf",
    .since = 20,
    .doc = "is it infinite?",
    .inputs = {{"X", "T1"}},
    .outputs = {{"Y", "bool"}},
    .attrs = {{"detect_negative", HRT_ATTR_INT, "1"}, {"detect_positive", HRT_ATTR_INT, "1"}},
    .types = {{"T1", kTestable}},
    .infer = infer,
    .compute = is_inf,
});

}  // namespace
}  // namespace hrt::ops
