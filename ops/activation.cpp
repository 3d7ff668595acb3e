// SPDX-License-Identifier: Apache-2.0
#include "activation.h"

namespace hrt::ops {

Activation::Activation(const Node& node)
    : Activation(node.s("activation"), node.floats("activation_params")) {}

Activation::Activation(const std::string& name, const std::vector<float>& params) {
  struct Row {
    const char* name;
    Kind kind;
    size_t params;
  };
  static constexpr Row table[] = {{"", kNone, 0},
                                  {"Relu", kRelu, 0},
                                  {"LeakyRelu", kLeakyRelu, 1},
                                  {"Clip", kClip, 2},
                                  {"Sigmoid", kSigmoid, 0},
                                  {"Tanh", kTanh, 0},
                                  {"HardSigmoid", kHardSigmoid, 2},
                                  {"HardSwish", kHardSwish, 0},
                                  {"Swish", kSwish, 1}};
  const Row* row = std::ranges::find(table, std::string_view(name), &Row::name);
  require(row != std::end(table), "activation '", name, "' is not one that can be fused");
  require(params.size() == row->params, "activation ", name, " has ", params.size(), " parameters, not ",
          row->params);
  kind_ = row->kind;
  if (!params.empty()) a_ = params[0];
  if (params.size() > 1) b_ = params[1];
}

}  // namespace hrt::ops
