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

struct Reduced {
  Ref ref;
  hrt_dtype dtype;
  Dims dims;
};
// y becomes x reduced over the axes that are marked. order: of kLp.
void emit_reduction(Emit& e, Reduction op, const Reduced& x, const std::vector<bool>& reduced, Ref y,
                    float order = 0);
// The same of input 0, into output 0.
void emit_reduction(Emit& e, Reduction op, const std::vector<bool>& reduced, float order);

}  // namespace hrt::gpu
