// SPDX-License-Identifier: Apache-2.0
// The elements of a numeric tensor of any type as doubles, block by block: for summaries, comparisons and
// preprocessing, which should not care about element types. Complex numbers count twice: real part,
// imaginary part. Strings are no numbers (HRT_ERROR_UNSUPPORTED). [any-thread]
#pragma once

#include <cstdint>
#include <span>

#include "core/tensor/tensor.h"

namespace hrt {

uint64_t number_count(const Tensor& tensor);

// Numbers first ... first + out.size() - 1. 64-bit integers beyond 2^53 are rounded.
void read_numbers(const Tensor& tensor, uint64_t first, std::span<double> out);

// The other way. Integers are rounded to nearest even and held to their range (NaN becomes 0); booleans
// are "not 0"; floats are rounded.
void write_numbers(const Tensor& tensor, uint64_t first, std::span<const double> in);

}  // namespace hrt
