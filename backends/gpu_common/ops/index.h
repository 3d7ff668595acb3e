// SPDX-License-Identifier: Apache-2.0
// Indices that kernels read (kernels/index.h), and how those that are outside are told.
#pragma once

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

// Words of an index, for the constant WORDS.
inline int32_t index_words(hrt_dtype t) { return int32_t(dtype_bytes(t) / 4); }

// Indices of an axis of n elements. Those that are known are checked here, and need no word of the device's.
struct IndexCheck {
  bool on_device = false;  // constant CHECKED
  Ref fault = 0;           // to bind, in any case
};
IndexCheck check_indices(Emit& emit, size_t input, int64_t n, int64_t axis);

// Index tuples of input `input`, whose last dim is their depth, into the leading dims of data of shape dims:
// int32 numbers of the slices that they pick, checked, in scratch memory. Tuple t belongs to batch t / each,
// and batches follow one another in the numbers.
Ref slice_numbers(Emit& emit, size_t input, std::span<const int64_t> dims, int64_t each);

}  // namespace hrt::gpu
