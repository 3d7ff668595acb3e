// SPDX-License-Identifier: Apache-2.0
// ai.onnx.preview.training Momentum, Adagrad, Adam: one step of gradient descent on any number of tensors.
// Inputs R (learning rate), T (step number), then all tensors, all gradients, all of each kind of state;
// outputs the new tensors, then the new states.
// https://onnx.ai/onnx/operators/onnx_aionnxpreviewtraining_Momentum.html and so on.
#include <algorithm>
#include <array>
#include <cmath>

#include "op.h"

namespace hrt::ops {
namespace {

constexpr uint32_t kFirst = 2;  // input that holds a tensor

uint32_t tensors(uint32_t inputs, uint32_t kinds) {
  require(inputs > kFirst && (inputs - kFirst) % kinds == 0, inputs - kFirst, " inputs do not make ", kinds,
          " of each tensor");
  return (inputs - kFirst) / kinds;
}

template <uint32_t States>
void infer(const Infer& c) {
  const uint32_t n = tensors(c.input_count(), 2 + States);
  for (uint32_t i = 0; i < std::min(c.output_count(), n * (1 + States)); ++i)
    if (const hrt_type* t = c.type(kFirst + (i < n ? i : i + n))) c.output(i, *t);
}

double scalar(const Tensor& t) {
  require(t.size() == 1, "the learning rate has shape ", t.dims(), ", not scalar");
  return t.dtype() == HRT_FLOAT64 ? *t.data<double>() : double(*t.data<float>());
}

// step(x, gradient, states) gives the new x and changes the states.
template <size_t States, class Step>
void descend(const Kernel& c, Step step) {
  const uint32_t n = tensors(c.input_count(), 2 + States);
  for (uint32_t i = 0; i < n; ++i) {
    const Tensor x = c.input(kFirst + i), gradient = c.input(kFirst + n + i);
    std::array<Tensor, States> in, out;
    for (uint32_t s = 0; s < States; ++s) in[s] = c.input(kFirst + (2 + s) * n + i);
    for (const Tensor& t : in)
      require(std::ranges::equal(x.dims(), t.dims()) && std::ranges::equal(x.dims(), gradient.dims()) &&
                  t.dtype() == x.dtype() && gradient.dtype() == x.dtype(),
              "a tensor of shape ", x.dims(), " with gradient and state of ", gradient.dims(), " and ",
              t.dims());
    const Tensor y = c.output(i, x.dtype(), x.dims());
    for (uint32_t s = 0; s < States; ++s) out[s] = c.output((1 + s) * n + i, x.dtype(), x.dims());
    dispatch(TypeList<float, double>{}, x.dtype(), [&]<class T>() {
      for (int64_t e = 0; e < x.size(); ++e) {
        std::array<double, States> state;
        for (size_t s = 0; s < States; ++s) state[s] = double(in[s].template data<T>()[e]);
        y.data<T>()[e] = T(step(double(x.data<T>()[e]), double(gradient.data<T>()[e]), state));
        for (size_t s = 0; s < States; ++s) out[s].template data<T>()[e] = T(state[s]);
      }
    });
  }
}

int64_t step_number(const Kernel& c) {
  const Dims t = to_int64s(c.input(1));
  require(t.size() == 1, "T is not a scalar");
  return t[0];
}

void momentum(const Kernel& c) {
  const Node& node = c.node();
  const std::string mode = node.s("mode");
  require(mode == "standard" || mode == "nesterov", "mode is '", mode, "', not standard or nesterov");
  const double rate = scalar(c.input(0)), alpha = node.f("alpha"), norm = node.f("norm_coefficient");
  const double beta = step_number(c) > 0 ? node.f("beta") : 1;
  descend<1>(c, [&](double x, double g, std::array<double, 1>& v) {
    g += norm * x;
    v[0] = alpha * v[0] + beta * g;
    return x - rate * (mode == "nesterov" ? g + alpha * v[0] : v[0]);
  });
}

void adagrad(const Kernel& c) {
  const Node& node = c.node();
  const double decay = node.f("decay_factor"), epsilon = node.f("epsilon"), norm = node.f("norm_coefficient");
  const double rate = scalar(c.input(0)) / (1 + double(step_number(c)) * decay);
  descend<1>(c, [&](double x, double g, std::array<double, 1>& h) {
    g += norm * x;
    h[0] += g * g;
    return x - rate * g / (std::sqrt(h[0]) + epsilon);
  });
}

void adam(const Kernel& c) {
  const Node& node = c.node();
  const double alpha = node.f("alpha", 0.9f), beta = node.f("beta", 0.999f), epsilon = node.f("epsilon");
  const double norm = node.f("norm_coefficient"), norm_post = node.f("norm_coefficient_post");
  const double t = double(step_number(c));
  double rate = scalar(c.input(0));
  if (t > 0) rate *= std::sqrt(1 - std::pow(beta, t)) / (1 - std::pow(alpha, t));
  descend<2>(c, [&](double x, double g, std::array<double, 2>& s) {
    g += norm * x;
    s[0] = alpha * s[0] + (1 - alpha) * g;
    s[1] = beta * s[1] + (1 - beta) * g * g;
    return (1 - norm_post) * (x - rate * s[0] / (std::sqrt(s[1]) + epsilon));
  });
}

Op optimiser(const char* name, const char* doc, std::vector<AttrSpec> attrs, void (*infer)(const Infer&),
             void (*compute)(const Kernel&)) {
  constexpr uint64_t types = bits(HRT_FLOAT32, HRT_FLOAT64);
  return Op{
      .domain = "ai.onnx.preview.training",
      .name = name,
      .since = 1,
      .doc = doc,
      .inputs = {{"R", "T1"}, {"T", "int64"}, {"inputs", "T3", HRT_PARAM_VARIADIC | HRT_PARAM_HETEROGENEOUS}},
      .outputs = {{"outputs", "T3", HRT_PARAM_VARIADIC | HRT_PARAM_HETEROGENEOUS}},
      .attrs = std::move(attrs),
      .types = {{"T1", types}, {"T3", types}},
      .infer = infer,
      .compute = compute};
}

const AttrSpec kEpsilon{"epsilon", HRT_ATTR_FLOAT, "0"}, kNorm{"norm_coefficient", HRT_ATTR_FLOAT, "0"};

const Register ops[] = {
    Register(optimiser("Momentum", "gradient descent with momentum",
                       {{"alpha", HRT_ATTR_FLOAT, "", true},
                        {"beta", HRT_ATTR_FLOAT, "", true},
                        {"mode", HRT_ATTR_STRING, "", true},
                        {"norm_coefficient", HRT_ATTR_FLOAT, "", true}},
                       infer<1>, momentum)),
    Register(optimiser("Adagrad", "gradient descent scaled by past gradients",
                       {{"decay_factor", HRT_ATTR_FLOAT, "0"}, kEpsilon, kNorm}, infer<1>, adagrad)),
    Register(optimiser("Adam", "gradient descent scaled by moments of the gradient",
                       {{"alpha", HRT_ATTR_FLOAT, "0.9"},
                        {"beta", HRT_ATTR_FLOAT, "0.999"},
                        kEpsilon,
                        kNorm,
                        {"norm_coefficient_post", HRT_ATTR_FLOAT, "0"}},
                       infer<2>, adam)),
};

}  // namespace
}  // namespace hrt::ops
