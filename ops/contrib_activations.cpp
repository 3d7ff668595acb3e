// SPDX-License-Identifier: Apache-2.0
// com.microsoft.Gelu, FastGelu, BiasGelu, QuickGelu, BiasSplitGelu: activations of a transformer, some with
// the bias before them.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.BiasGelu
#include "activation.h"
#include "elementwise.h"

namespace hrt::ops {
namespace {

// y[i] = f(x[i] + bias), the bias, if any, that of the last axis.
template <class F>
void map_with_bias(const Kernel& c, F f) {
  const Tensor x = c.input(0);
  const auto bias = c.optional(1);
  const int64_t n = x.rank() ? x.dim(x.rank() - 1) : 1;
  require(!bias || (bias->rank() == 1 && bias->dim(0) == n), "the bias does not have ", n, " elements");
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    const Tensor y = c.output(0, x.dtype(), x.dims());
    for (int64_t i = 0; i < x.size(); ++i) {
      const acc_t<T> add = bias ? acc_t<T>(bias->data<T>()[i % n]) : 0;
      y.data<T>()[i] = T(f(acc_t<T>(x.data<T>()[i]) + add));
    }
  });
}

void exact(const Kernel& c) {
  map_with_bias(c, [](auto x) { return gelu(x); });
}
void fast(const Kernel& c) {
  map_with_bias(c, [](auto x) { return gelu_tanh(x); });
}
void quick(const Kernel& c) {
  map(c, Floats{}, [a = c.node().f("alpha", 1.702f)]<class T>(T x) { return swish(x, T(a)); });
}

void infer_split(const Infer& c) {
  const auto x = c.dims(0);
  if (!x) return c.output(0, TensorType(c.dtype(0)));
  require(!x->empty(), "X is a scalar");
  Dims y = *x;
  if (is_number(y.back())) {
    require(y.back() % 2 == 0, "a last axis of ", y.back(), " has no halves");
    y.back() /= 2;
  } else {
    y.back() = HRT_DIM_UNKNOWN;
  }
  c.output(0, TensorType(c.dtype(0), y));
}
void split(const Kernel& c) {
  const Tensor x = c.input(0), bias = c.input(1);
  require(x.rank() >= 1 && x.dim(x.rank() - 1) % 2 == 0, "X of shape ", x.dims(), " has no halves");
  const int64_t n = x.dim(x.rank() - 1), half = n / 2;
  require(bias.rank() == 1 && bias.dim(0) == n, "the bias does not have ", n, " elements");
  Dims dims(x.dims().begin(), x.dims().end());
  dims.back() = half;
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    const Tensor y = c.output(0, x.dtype(), dims);
    const auto at = [&](int64_t row, int64_t j) {
      return acc_t<T>(x.data<T>()[row * n + j]) + acc_t<T>(bias.data<T>()[j]);
    };
    for (int64_t i = 0; i < y.size(); ++i)
      y.data<T>()[i] = T(at(i / half, i % half) * gelu(at(i / half, half + i % half)));
  });
}

Op activation(const char* name, const char* doc, void (*compute)(const Kernel&), std::vector<Param> bias,
              std::vector<AttrSpec> attrs = {}) {
  Op op{.domain = "com.microsoft",
        .name = name,
        .since = 1,
        .doc = doc,
        .inputs = {{"X", "T"}},
        .outputs = {{"Y", "T"}},
        .attrs = std::move(attrs),
        .types = {{"T", kFloat}},
        .inplace = {{0, 0}},
        .infer = infer_same,
        .compute = compute};
  op.inputs.insert(op.inputs.end(), bias.begin(), bias.end());
  return op;
}

Op bias_split() {
  Op op = activation("BiasSplitGelu", "left half * Gelu(right half), of X + bias", split, {{"bias", "T"}});
  op.inplace = {};
  op.infer = infer_split;
  return op;
}

const Register ops[] = {
    Register(activation("Gelu", "x * Phi(x), Phi the standard normal distribution function", exact, {})),
    Register(activation("BiasGelu", "Gelu(X + bias)", exact, {{"bias", "T"}})),
    Register(activation("FastGelu", "Gelu(X + bias) by tanh", fast, {{"bias", "T", HRT_PARAM_OPTIONAL}})),
    Register(
        activation("QuickGelu", "x * sigmoid(alpha * x)", quick, {}, {{"alpha", HRT_ATTR_FLOAT, "1.702"}})),
    Register(bias_split()),
};

}  // namespace
}  // namespace hrt::ops
