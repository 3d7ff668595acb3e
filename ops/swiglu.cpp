// SPDX-License-Identifier: Apache-2.0
// SwiGLU: Swish(A) * B, both of one shape. https://onnx.ai/onnx/operators/onnx__SwiGLU.html
#include "activation.h"
#include "elementwise.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  require(std::ranges::equal(c.input(0).dims(), c.input(1).dims()), "A and B have the shapes ",
          c.input(0).dims(), " and ", c.input(1).dims());
  zip(c, Floats{}, [alpha = c.node().f("alpha", 1)]<class T>(T a, T b) { return swish(a, T(alpha)) * b; });
}

const Register swiglu(Op{
    .name = "SwiGLU",
    .since = 28,
    .doc = "a * sigmoid(alpha * a) * b",
    .inputs = {{"A", "T"}, {"B", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"alpha", HRT_ATTR_FLOAT, "1"}},
    .types = {{"T", kFloat}},
    .inplace = {{0, 0}, {1, 0}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
