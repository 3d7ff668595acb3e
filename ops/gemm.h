// SPDX-License-Identifier: Apache-2.0
// Gemm and FusedGemm: alpha * A' * B' + beta * C, then an activation.
#pragma once

#include "activation.h"

namespace hrt::ops {

std::vector<AttrSpec> gemm_attrs();
void infer_gemm(const Infer& c);
void compute_gemm(const Kernel& c, const Activation& activation);

}  // namespace hrt::ops
