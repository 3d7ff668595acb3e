// SPDX-License-Identifier: Apache-2.0
// Reductions, for the operators that are one: Reduce*, global pools.
#pragma once

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

enum class Reduction : int32_t {  // OP of kernels/reduce.comp
  kSum,
  kMean,
  kProd,
  kMax,
  kMin,
  kSumSquare,
  kL1,
  kL2,
  kLogSum,
  kLogSumExp,
  kLp
};

// Output 0 becomes input 0, which has these dims, reduced over the axes that are marked. order: of kLp.
void emit_reduction(Emit& e, Reduction op, const Dims& dims, const std::vector<bool>& reduced, float order);

}  // namespace hrt::gpu
