// SPDX-License-Identifier: Apache-2.0
// Tensors in another element type, as steps of other operators (kernels/cast_*.comp).
#pragma once

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

// n elements of x as another type, in memory of their own; x itself when it is of that type.
Ref cast_to(Emit& emit, Ref x, hrt_dtype from, hrt_dtype to, int64_t n);
// The same into y.
void cast_into(Emit& emit, Ref x, hrt_dtype from, Ref y, hrt_dtype to, int64_t n);
// Why elements of this type cannot be cast on this device, or "".
std::string castable(hrt_dtype t, const Caps& caps);

}  // namespace hrt::gpu
