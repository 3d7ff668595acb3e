// SPDX-License-Identifier: Apache-2.0
// The activation of fused products and convolutions, as kernels/epilogue.h takes it.
#pragma once

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

struct Epilogue {
  int32_t act = 0;  // of kernels/epilogue.h; 0: none
  float a = 0, b = 0;
};

// From activation and activation_params (domain hrt) or activation_alpha, _beta (com.microsoft).
Epilogue make_epilogue(const Node& node);
// No activation, Relu and Clip are all Clip, for kernels that take long to compile: one pipeline does for
// all.
Epilogue clipped(const Epilogue& e);
// Why the activation cannot be taken, or "".
std::string epilogue_refusal(const Node& node);

}  // namespace hrt::gpu
