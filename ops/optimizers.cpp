// SPDX-License-Identifier: Apache-2.0
// Adagrad, Adam, Momentum: one step of stochastic gradient descent on any number of tensors, whose inputs
// come grouped: all values, all gradients, then each kind of state.
// https://onnx.ai/onnx/operators/onnx_aionnxpreviewtraining_Adam.html and the like
#include "elements.h"

namespace hrt::ops {
namespace {

constexpr uint32_t kFirst = 2;  // after the learning rate and the update count

// groups: inputs a tensor has; all but the gradient are outputs, too.
uint32_t tensors_of(uint32_t inputs, uint32_t groups) {
  require(inputs > kFirst && (inputs - kFirst) % groups == 0, inputs, " inputs do not make groups of ", groups);
  return (inputs - kFirst) / groups;
}

template <uint32_t groups>
void infer(const Infer& c) {
  const uint32_t n = tensors_of(c.input_count(), groups);
  for (uint32_t g = 0; g < groups; ++g)
    for (uint32_t i = 0; g != 1 && i < n; ++i)
      if (const hrt_type* t = c.type(kFirst + g * n + i)) c.output((g ? g - 1 : 0) * n + i, *t);
}

// Calls step(values) for every element: values[0] the value, [1] the gradient, then the states; what it
// leaves in all but the gradient is the output.
template <uint32_t groups, class Step>
void update(const Kernel& c, Step&& step) {
  const uint32_t n = tensors_of(c.input_count(), groups);
  for (uint32_t i = 0; i < n; ++i) {
    const Tensor x = c.input(kFirst + i);
    std::vector<Reader> read;
    std::vector<Writer> write;
    for (uint32_t g = 0; g < groups; ++g) {
      const Tensor t = c.input(kFirst + g * n + i);
      require(std::ranges::equal(t.dims(), x.dims()), "shapes ", x.dims(), " and ", t.dims(), " differ");
      read.emplace_back(t);
      if (g != 1) write.emplace_back(c.output((g ? g - 1 : 0) * n + i, t.dtype(), t.dims()));
    }
    for (int64_t k = 0; k < x.size(); ++k) {
      double v[groups];
      for (uint32_t g = 0; g < groups; ++g) v[g] = read[g](k);
      step(v);
      for (uint32_t g = 0; g < groups; ++g)
        if (g != 1) write[g ? g - 1 : 0](k, v[g]);
    }
  }
}

void adagrad(const Kernel& c) {
  const Node& n = c.node();
  const double rate = scalar_of(c.input(0), "R") / (1 + scalar_of(c.input(1), "T") * n.f("decay_factor"));
  const double norm = n.f("norm_coefficient"), epsilon = n.f("epsilon");
  update<3>(c, [=](double* v) {
    const double g = norm * v[0] + v[1];
    v[2] += g * g;
    v[0] -= rate * g / (std::sqrt(v[2]) + epsilon);
  });
}

void adam(const Kernel& c) {
  const Node& n = c.node();
  const double alpha = n.f("alpha", 0.9f), beta = n.f("beta", 0.999f), epsilon = n.f("epsilon");
  const double norm = n.f("norm_coefficient"), norm_post = n.f("norm_coefficient_post");
  const double t = scalar_of(c.input(1), "T");
  double rate = scalar_of(c.input(0), "R");
  if (t > 0) rate *= std::sqrt(1 - std::pow(beta, t)) / (1 - std::pow(alpha, t));
  update<4>(c, [=](double* v) {
    const double g = norm * v[0] + v[1];
    v[2] = alpha * v[2] + (1 - alpha) * g;
    v[3] = beta * v[3] + (1 - beta) * g * g;
    v[0] = (1 - norm_post) * (v[0] - rate * v[2] / (std::sqrt(v[3]) + epsilon));
  });
}

void momentum(const Kernel& c) {
  const Node& n = c.node();
  const std::string mode = n.s("mode");
  require(mode == "standard" || mode == "nesterov", "there is no mode ", mode);
  const bool nesterov = mode == "nesterov";
  const double alpha = n.f("alpha"), norm = n.f("norm_coefficient"), rate = scalar_of(c.input(0), "R");
  const double beta = scalar_of(c.input(1), "T") > 0 ? n.f("beta") : 1;
  update<3>(c, [=](double* v) {
    const double g = norm * v[0] + v[1];
    v[2] = alpha * v[2] + beta * g;
    v[0] -= rate * (nesterov ? g + alpha * v[2] : v[2]);
  });
}

Op optimizer(const char* name, std::vector<AttrSpec> attrs, void (*infer)(const Infer&), void (*compute)(const Kernel&)) {
  const uint32_t many = HRT_PARAM_VARIADIC | HRT_PARAM_HETEROGENEOUS;
  const uint64_t floats = bits(HRT_FLOAT32, HRT_FLOAT64);
  return {
      .domain = "ai.onnx.preview.training",
      .name = name,
      .since = 1,
      .doc = "one step of an optimizer of this name",
      .inputs = {{"R", "T1"}, {"T", "T2"}, {"inputs", "T3", many}},
      .outputs = {{"outputs", "T3", many}},
      .attrs = std::move(attrs),
      .types = {{"T1", floats}, {"T2", bits(HRT_INT64)}, {"T3", floats}},
      .infer = infer,
      .compute = compute,
  };
}

const Register adagrad_op(optimizer("Adagrad",
                                    {{"decay_factor", HRT_ATTR_FLOAT, "0"},
                                     {"epsilon", HRT_ATTR_FLOAT, "0"},
                                     {"norm_coefficient", HRT_ATTR_FLOAT, "0"}},
                                    infer<3>, adagrad));
const Register adam_op(optimizer("Adam",
                                 {{"alpha", HRT_ATTR_FLOAT, "0.9"},
                                  {"beta", HRT_ATTR_FLOAT, "0.999"},
                                  {"epsilon", HRT_ATTR_FLOAT, "0"},
                                  {"norm_coefficient", HRT_ATTR_FLOAT, "0"},
                                  {"norm_coefficient_post", HRT_ATTR_FLOAT, "0"}},
                                 infer<4>, adam));
const Register momentum_op(optimizer("Momentum",
                                     {{"alpha", HRT_ATTR_FLOAT, "", true},
                                      {"beta", HRT_ATTR_FLOAT, "", true},
                                      {"mode", HRT_ATTR_STRING, "", true},
                                      {"norm_coefficient", HRT_ATTR_FLOAT, "", true}},
                                     infer<3>, momentum));

}  // namespace
}  // namespace hrt::ops
