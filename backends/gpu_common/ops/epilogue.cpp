// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/epilogue.h"

#include <limits>

namespace hrt::gpu {
namespace {

struct Row {
  std::string_view name;
  size_t params;
};
// The index is the number that kernels know.
constexpr Row kRows[] = {{"", 0},     {"Relu", 0},        {"LeakyRelu", 1}, {"Clip", 2}, {"Sigmoid", 0},
                         {"Tanh", 0}, {"HardSigmoid", 2}, {"HardSwish", 0}, {"Swish", 1}};

std::vector<float> params_of(const Node& node, size_t count) {
  if (node.domain() != "com.microsoft") return node.floats("activation_params");
  std::vector<float> params;
  for (const char* name : {"activation_alpha", "activation_beta"})
    if (params.size() < count && node.has(name)) params.push_back(node.f(name));
  return params;
}

size_t row_of(const std::string& name) {
  size_t i = 0;
  while (i < std::size(kRows) && kRows[i].name != name) ++i;
  return i;
}

}  // namespace

std::string epilogue_refusal(const Node& node) {
  const std::string name = node.s("activation");
  const size_t row = row_of(name);
  if (row == std::size(kRows)) return "activation " + name;
  return params_of(node, kRows[row].params).size() == kRows[row].params ? "" : "count of activation_params";
}

Epilogue make_epilogue(const Node& node) {
  const size_t row = row_of(node.s("activation"));
  const std::vector<float> params = params_of(node, kRows[row].params);
  return {int32_t(row), params.empty() ? 0 : params[0], params.size() < 2 ? 0 : params[1]};
}

Epilogue clipped(const Epilogue& e) {
  constexpr int32_t kNone = 0, kRelu = 1, kClip = 3;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (e.act == kNone) return {kClip, -kInfinity, kInfinity};
  if (e.act == kRelu) return {kClip, 0, kInfinity};
  return e;
}

}  // namespace hrt::gpu
