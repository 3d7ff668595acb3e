// SPDX-License-Identifier: Apache-2.0
// Element-wise activation functions: LeakyRelu, Elu, Selu, Celu, ThresholdedRelu, Sigmoid, HardSigmoid,
// HardSwish, Swish, Mish, Gelu, Softplus, Softsign. https://onnx.ai/onnx/operators/onnx__Elu.html and so
// on; the formula of each is its doc string.
#include "activation.h"
#include "elementwise.h"

namespace hrt::ops {
namespace {

void leaky_relu_kernel(const Kernel& c) {
  map(c, Floats{}, [a = c.node().f("alpha", 0.01f)]<class T>(T x) { return leaky_relu(x, T(a)); });
}
void elu(const Kernel& c) {
  map(c, Floats{}, [a = c.node().f("alpha", 1)]<class T>(T x) { return x < 0 ? T(a) * std::expm1(x) : x; });
}
void selu(const Kernel& c) {
  map(c, Floats{},
      [a = c.node().f("alpha", 1.67326319217681884765625f),
       g = c.node().f("gamma", 1.05070102214813232421875f)]<class T>(T x) {
        return T(g) * (x > 0 ? x : T(a) * std::expm1(x));
      });
}
void celu(const Kernel& c) {
  map(c, Floats{}, [a = c.node().f("alpha", 1)]<class T>(T x) {
    return std::max(T(0), x) + std::min(T(0), T(a) * std::expm1(x / T(a)));
  });
}
void thresholded_relu(const Kernel& c) {
  map(c, Floats{}, [a = c.node().f("alpha", 1)]<class T>(T x) { return x > T(a) ? x : T(0); });
}
void sigmoid_kernel(const Kernel& c) {
  map(c, Floats{}, [](auto x) { return sigmoid(x); });
}
void hard_sigmoid_kernel(const Kernel& c) {
  map(c, Floats{}, [a = c.node().f("alpha", 0.2f), b = c.node().f("beta", 0.5f)]<class T>(T x) {
    return hard_sigmoid(x, T(a), T(b));
  });
}
void hard_swish_kernel(const Kernel& c) {
  map(c, Floats{}, [](auto x) { return hard_swish(x); });
}
void swish_kernel(const Kernel& c) {
  map(c, Floats{}, [a = c.node().f("alpha", 1)]<class T>(T x) { return swish(x, T(a)); });
}
void mish(const Kernel& c) {
  map(c, Floats{}, [](auto x) { return x * std::tanh(softplus(x)); });
}
void softplus_kernel(const Kernel& c) {
  map(c, Floats{}, [](auto x) { return softplus(x); });
}
void softsign(const Kernel& c) {
  map(c, Floats{}, [](auto x) { return x / (1 + std::abs(x)); });
}

void gelu_kernel(const Kernel& c) {
  const std::string how = c.node().s("approximate", "none");
  require(how == "none" || how == "tanh", "approximate is '", how, "', not none or tanh");
  if (how == "none") return map(c, Floats{}, [](auto x) { return gelu(x); });
  map(c, Floats{}, [](auto x) { return gelu_tanh(x); });
}

Op activation(const char* name, int64_t since, const char* doc, void (*compute)(const Kernel&),
              std::vector<AttrSpec> attrs = {}) {
  return Op{.name = name,
            .since = since,
            .doc = doc,
            .inputs = {{"X", "T"}},
            .outputs = {{"Y", "T"}},
            .attrs = std::move(attrs),
            .types = {{"T", kFloat}},
            .inplace = {{0, 0}},
            .infer = infer_same,
            .compute = compute};
}

const Register ops[] = {
    Register(activation("LeakyRelu", 16, "x, or alpha * x where x < 0", leaky_relu_kernel,
                        {{"alpha", HRT_ATTR_FLOAT, "0.01"}})),
    Register(activation("Elu", 22, "x, or alpha * (exp(x) - 1) where x < 0", elu,
                        {{"alpha", HRT_ATTR_FLOAT, "1"}})),
    Register(activation("Selu", 22, "gamma * (x, or alpha * (exp(x) - 1) where x <= 0)", selu,
                        {{"alpha", HRT_ATTR_FLOAT, "1.67326"}, {"gamma", HRT_ATTR_FLOAT, "1.0507"}})),
    Register(activation("Celu", 28, "max(0, x) + min(0, alpha * (exp(x / alpha) - 1))", celu,
                        {{"alpha", HRT_ATTR_FLOAT, "1"}})),
    Register(activation("ThresholdedRelu", 22, "x where x > alpha, else 0", thresholded_relu,
                        {{"alpha", HRT_ATTR_FLOAT, "1"}})),
    Register(activation("Sigmoid", 13, "1 / (1 + exp(-x))", sigmoid_kernel)),
    Register(activation("HardSigmoid", 22, "max(0, min(1, alpha * x + beta))", hard_sigmoid_kernel,
                        {{"alpha", HRT_ATTR_FLOAT, "0.2"}, {"beta", HRT_ATTR_FLOAT, "0.5"}})),
    Register(activation("HardSwish", 22, "x * max(0, min(1, x / 6 + 0.5))", hard_swish_kernel)),
    Register(
        activation("Swish", 24, "x * sigmoid(alpha * x)", swish_kernel, {{"alpha", HRT_ATTR_FLOAT, "1"}})),
    Register(activation("Mish", 22, "x * tanh(log(1 + exp(x)))", mish)),
    Register(activation("Gelu", 20, "x * Phi(x), Phi the standard normal distribution function", gelu_kernel,
                        {{"approximate", HRT_ATTR_STRING, "none"}})),
    Register(activation("Softplus", 22, "log(1 + exp(x))", softplus_kernel)),
    Register(activation("Softsign", 22, "x / (1 + |x|)", softsign)),
};

}  // namespace
}  // namespace hrt::ops
