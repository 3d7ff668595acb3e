// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files (format versions 1 to 3, little-endian, C and Fortran order): one array each.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
//
// Element types that NumPy has no name for are kept as follows:
//   bfloat16                    V2, its bits (as numpy.save does with ml_dtypes' bfloat16)
//   8-bit floats, float4e2m1    V1, the bits of one element a byte
//   int4, int2, uint4, uint2    i1 or u1, one element a byte, by value
// Strings are U arrays (S when one of them is not UTF-8). Reading takes V1 and V2 only when told what they
// stand for. Pickled objects, structured and big-endian arrays are refused. [any-thread]
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "core/tensor/tensor.h"

namespace hrt {

// Throws HRT_ERROR_BAD_DATA naming the file. expected: what the array is for; it decides the meaning of
// V1, V2 and of the small integers, and nothing else: other types are returned as they are in the file.
Tensor read_npy(const std::filesystem::path& path, hrt_dtype expected = HRT_UNDEFINED);
Tensor parse_npy(std::span<const std::byte> file, hrt_dtype expected = HRT_UNDEFINED);

// Whole or not at all.
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

}  // namespace hrt
