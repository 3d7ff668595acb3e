// SPDX-License-Identifier: Apache-2.0
// Memory for packed weights: aligned to a cache line, and on huge pages where it is large, since weights
// are streamed and a miss of the address cache for every 4 KiB would cost a third of the bandwidth.
#pragma once

#include <cstddef>
#include <memory>

namespace hrt::cpu {

using Floats = std::shared_ptr<float[]>;

// n floats, zero. Throws std::bad_alloc.
Floats make_floats(size_t n);

}  // namespace hrt::cpu
