// SPDX-License-Identifier: Apache-2.0
// Lays buffers with lifetimes into one block of memory, so that buffers that are alive together do not
// overlap. Greedy by size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference",
// 2020): the largest buffer first, each at the lowest offset that is free over its lifetime. An item that
// may be written over another, at the step where that one dies, takes its place.
#pragma once

#include <cstdint>
#include <span>

#include <hrt/plugin.h>

namespace hrt {

// Sets every offset (multiples of alignment, a power of two) and returns the size of the block. Throws
// HRT_ERROR_BAD_DATA on items that make no sense.
uint64_t plan_arena(std::span<hrt_arena_item> items, uint64_t alignment);

}  // namespace hrt
