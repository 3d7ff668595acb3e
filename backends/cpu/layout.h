// SPDX-License-Identifier: Apache-2.0
// Moving tensors between the plain and the channel-blocked layout (op.h), and between half precision and
// float.
#pragma once

#include "backends/cpu/op.h"

namespace hrt::cpu {

// Both layouts of these dims hold the elements at the same places, as far as a reader of `to` looks.
bool same_memory(const Dims& dims, Layout from, Layout to);

// Copies a float tensor of these dims (rank >= 3) from one layout to the other, on the host's threads.
// Lanes past C come out zero.
void reorder(const float* x, float* y, const Dims& dims, Layout to);

// n elements of type half, which is float16 or bfloat16, to float and back, on the host's threads.
void widen(hrt_dtype half, const void* x, float* y, int64_t n);
void narrow(hrt_dtype half, const float* x, void* y, int64_t n);

}  // namespace hrt::cpu
