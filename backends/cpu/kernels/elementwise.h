// SPDX-License-Identifier: Apache-2.0
// The parts of the table of element-wise operators.
#pragma once

#include "backends/cpu/op.h"

namespace hrt::cpu {

std::span<const Op> unary_ops();   // activations, elementary functions, Clip, Not
std::span<const Op> binary_ops();  // arithmetic, comparisons, logic, PRelu, Where, variadic Sum ...
std::span<const Op> cast_ops();    // Cast, CastLike

// Converts elements begin ... end of x, as Cast does; NULL when it cannot.
using CastFn = void (*)(const void* x, void* y, int64_t begin, int64_t end);
CastFn find_cast(hrt_dtype from, hrt_dtype to);

}  // namespace hrt::cpu
