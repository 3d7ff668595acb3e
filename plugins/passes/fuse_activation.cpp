// SPDX-License-Identifier: Apache-2.0
// conv-activation, gemm-activation, matmul-activation: an activation function moves into the operator
// before it, which applies it while the result is still in registers.
//
//     Conv   ── Relu ──▶ y      =>      FusedConv   ──▶ y
//     Gemm   ── Relu ──▶ y      =>      FusedGemm   ──▶ y
//     MatMul ── Relu ──▶ y      =>      FusedMatMul ──▶ y
//
// Relu, LeakyRelu, Clip, Sigmoid, Tanh, HardSigmoid, HardSwish, Swish. Must not fire when somebody else
// uses the value between the two, when there is an activation already, for integers, or when a bound of
// Clip is no constant, or not a number that a float attribute holds.
#include <algorithm>
#include <limits>

#include "pass.h"

namespace hrt::passes {
namespace {

struct Activation {
  std::string name;
  std::vector<float> params;
};

std::optional<float> as_float(std::optional<double> v) {
  return v && double(float(*v)) == *v ? std::optional(float(*v)) : std::nullopt;
}

std::optional<Activation> clip(const Rewriter& r, const Node& node) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto low = node.has_input(1) ? as_float(r.scalar(node.input(1))) : -kInfinity;
  const auto high = node.has_input(2) ? as_float(r.scalar(node.input(2))) : kInfinity;
  if (!low || !high) return std::nullopt;
  return Activation{"Clip", {*low, *high}};
}

std::optional<Activation> activation_of(const Rewriter& r, const Node& node) {
  for (const char* plain : {"Relu", "Sigmoid", "Tanh", "HardSwish"})
    if (node.is(plain)) return Activation{plain, {}};
  if (node.is("LeakyRelu")) return Activation{"LeakyRelu", {node.f("alpha", 0.01f)}};
  if (node.is("HardSigmoid")) return Activation{"HardSigmoid", {node.f("alpha", 0.2f), node.f("beta", 0.5f)}};
  if (node.is("Swish")) return Activation{"Swish", {node.f("alpha", 1.0f)}};
  if (node.is("Clip")) return clip(r, node);
  return std::nullopt;
}

// plain: the operator of ONNX; fused: the one in domain "hrt" that it becomes, or is already.
bool fuse(Rewriter& r, const Node& node, std::string_view plain, const char* fused) {
  const auto before = r.sole_producer(node.input(0));
  if (!before || !(before->is(plain) || before->is(fused, "hrt"))) return false;
  if (!before->s("activation").empty() || !is_float(r.value(node.input(0)).dtype())) return false;
  const auto activation = activation_of(r, node);
  if (!activation) return false;

  auto attrs = attributes_of(*before);
  std::erase_if(attrs, [](const Attr& a) {
    return std::string_view(a.c().name) == "activation" ||
           std::string_view(a.c().name) == "activation_params";
  });
  attrs.push_back(Attr::of("activation", std::string_view(activation->name)));
  if (!activation->params.empty())
    attrs.push_back(Attr::of("activation_params", std::span<const float>(activation->params)));
  r.replace(node.id(), {.domain = "hrt",
                        .op = fused,
                        .inputs = {before->inputs().begin(), before->inputs().end()},
                        .attrs = attrs,
                        .name = before->name()});
  return true;
}

const Register passes[] = {
    Register({"conv-activation", "Conv + activation becomes FusedConv", HRT_PHASE_FUSE,
              [](Rewriter& r, const Node& n) { return fuse(r, n, "Conv", "FusedConv"); }}),
    Register({"gemm-activation", "Gemm + activation becomes FusedGemm", HRT_PHASE_FUSE,
              [](Rewriter& r, const Node& n) { return fuse(r, n, "Gemm", "FusedGemm"); }}),
    Register({"matmul-activation", "MatMul + activation becomes FusedMatMul", HRT_PHASE_FUSE,
              [](Rewriter& r, const Node& n) { return fuse(r, n, "MatMul", "FusedMatMul"); }}),
};

}  // namespace
}  // namespace hrt::passes
