// SPDX-License-Identifier: Apache-2.0
// Relu: y = max(x, 0). https://onnx.ai/onnx/operators/onnx__Relu.html
#include "op.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  dispatch(TypeList<float, double, float16, bfloat16, int8_t, int16_t, int32_t, int64_t>{}, x.dtype(),
           [&]<class T>() {
             const Tensor y = c.output(0, x.dtype(), x.dims());
             for (int64_t i = 0; i < x.size(); ++i) {
               const acc_t<T> v = x.data<T>()[i];
               y.data<T>()[i] = T(v < 0 ? acc_t<T>(0) : v);  // NaN stays NaN
             }
           });
}

const Register relu(Op{
    .name = "Relu",
    .since = 14,
    .doc = "max(x, 0)",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}},
    .types = {{"T", kFloat | kSigned}},
    .inplace = {{0, 0}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
