// SPDX-License-Identifier: Apache-2.0
// The parts of the table of element-wise operators.
#pragma once

#include "backends/cpu/op.h"

namespace hrt::cpu {

std::span<const Op> unary_ops();   // activations, elementary functions, Clip, Not
std::span<const Op> binary_ops();  // arithmetic, comparisons, logic, PRelu, Where, variadic Sum ...
std::span<const Op> cast_ops();    // Cast, CastLike

}  // namespace hrt::cpu
