// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/epilogue.h"

namespace hrt::cpu {
namespace {

struct Row {
  std::string_view name;
  Activation::Kind kind;
  size_t params;
};
constexpr Row kRows[] = {{"", Activation::kIdentity, 0},
                         {"Relu", Activation::kRelu, 0},
                         {"LeakyRelu", Activation::kLeakyRelu, 1},
                         {"Clip", Activation::kClip, 2},
                         {"Sigmoid", Activation::kSigmoid, 0},
                         {"Tanh", Activation::kTanh, 0},
                         {"HardSigmoid", Activation::kHardSigmoid, 2},
                         {"HardSwish", Activation::kHardSwish, 0},
                         {"Swish", Activation::kSwish, 1}};

const Row* find_row(const std::string& name) {
  for (const Row& row : kRows)
    if (row.name == name) return &row;
  return nullptr;
}

// The parameters; com.microsoft has them one by one.
std::vector<float> params_of(const Node& node, const Row& row) {
  if (node.domain() != "com.microsoft") return node.floats("activation_params");
  std::vector<float> params;
  for (const char* name : {"activation_alpha", "activation_beta"})
    if (params.size() < row.params && node.has(name)) params.push_back(node.f(name));
  return params;
}

}  // namespace

std::string epilogue_refusal(const Node& node) {
  const std::string name = node.s("activation");
  const Row* row = find_row(name);
  if (!row) return "activation " + name;
  return params_of(node, *row).size() == row->params ? "" : "count of activation_params";
}

Epilogue make_epilogue(const Node& node) {
  Epilogue e;
  const Row* row = find_row(node.s("activation"));
  const std::vector<float> params = params_of(node, *row);
  if (row->kind == Activation::kRelu) {
    e.lo = 0;
  } else if (row->kind == Activation::kClip) {
    e.lo = params[0];
    e.hi = params[1];
  } else {
    e.after = {row->kind, params.empty() ? 0 : params[0], params.size() < 2 ? 0 : params[1]};
  }
  return e;
}

}  // namespace hrt::cpu
