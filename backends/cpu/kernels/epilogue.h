// SPDX-License-Identifier: Apache-2.0
// What convolution and matrix products do to a result while it is at hand: the activation of the fused
// operators. Relu and Clip are bounds that the register tile applies; the others run over each tile
// right after it was written.
#pragma once

#include <limits>

#include "backends/cpu/kernels/activation.h"
#include "backends/cpu/op.h"

namespace hrt::cpu {

struct Epilogue {
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();
  Activation after;  // kIdentity: the bounds are all

  // Between partial sums of one result: nothing yet.
  static Epilogue none() { return {}; }
};

// From the attributes activation and activation_params of a node of domain "hrt"; none for others.
Epilogue make_epilogue(const Node& node);

// Why the activation cannot be taken, or "".
std::string epilogue_refusal(const Node& node);

}  // namespace hrt::cpu
