// SPDX-License-Identifier: Apache-2.0
// Gemm and FusedGemm: alpha * A' * B' + beta * C, then an activation.
#pragma once

#include "activation.h"

namespace hrt::ops {

std::vector<AttrSpec> gemm_attrs();
// a, b: which inputs are the matrices; dtype: of the result.
void infer_gemm(const Infer& c, uint32_t a, uint32_t b, hrt_dtype dtype);
inline void infer_gemm(const Infer& c) { infer_gemm(c, 0, 1, c.dtype(0)); }
void compute_gemm(const Kernel& c, const Activation& activation);

}  // namespace hrt::ops
