// SPDX-License-Identifier: Apache-2.0
#include "core/plan/arena.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/base/checked.h"

namespace hrt {
namespace {

// Items that take one another's place in a row are laid out as one block.
struct Block {
  uint64_t bytes = 0;
  uint32_t first = 0;
  uint32_t last = 0;
  uint64_t offset = 0;
  std::vector<uint32_t> members;
};

void check_items(std::span<const hrt_arena_item> items, uint64_t alignment) {
  if (alignment == 0 || (alignment & (alignment - 1)) != 0)
    fail(HRT_ERROR_BAD_DATA, "alignment {} is not a power of two", alignment);
  for (const auto& item : items) {
    if (item.first > item.last)
      fail(HRT_ERROR_BAD_DATA, "a buffer lives from step {} to {}", item.first, item.last);
    if (item.share != HRT_NONE && item.share >= items.size())
      fail(HRT_ERROR_BAD_DATA, "a buffer shares with item {}", item.share);
  }
}

std::vector<Block> make_blocks(std::span<const hrt_arena_item> items) {
  // In order of birth, so that the one to be written over is in a block already.
  std::vector<uint32_t> order(items.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](uint32_t i) { return items[i].first; });
  std::vector<Block> blocks;
  std::vector<uint32_t> block_of(items.size(), HRT_NONE);
  for (const uint32_t i : order) {
    const auto& item = items[i];
    const uint32_t s = item.share;
    // Only at the step where the other dies, not larger than it, and only the last of its block.
    if (s != HRT_NONE && block_of[s] != HRT_NONE && items[s].last == item.first &&
        items[s].first < item.first && item.bytes <= items[s].bytes &&
        blocks[block_of[s]].members.back() == s) {
      block_of[i] = block_of[s];
      Block& b = blocks[block_of[s]];
      b.last = std::max(b.last, item.last);
      b.members.push_back(i);
      continue;
    }
    block_of[i] = uint32_t(blocks.size());
    blocks.push_back({item.bytes, item.first, item.last, 0, {i}});
  }
  return blocks;
}

}  // namespace

uint64_t plan_arena(std::span<hrt_arena_item> items, uint64_t alignment) {
  check_items(items, alignment);
  std::vector<Block> blocks = make_blocks(items);
  for (Block& b : blocks) b.bytes = align_up(b.bytes, alignment);
  std::vector<Block*> by_size;
  for (Block& b : blocks) by_size.push_back(&b);
  std::ranges::stable_sort(by_size, std::greater<>(), [](const Block* b) { return b->bytes; });

  std::vector<const Block*> placed;  // by offset
  uint64_t total = 0;
  for (Block* b : by_size) {
    uint64_t offset = 0;
    for (const Block* p : placed) {
      if (p->last < b->first || b->last < p->first) continue;
      if (p->offset >= checked_add(offset, b->bytes)) break;
      offset = std::max(offset, p->offset + p->bytes);
    }
    b->offset = offset;
    placed.insert(std::ranges::upper_bound(placed, offset, {}, [](const Block* p) { return p->offset; }), b);
    total = std::max(total, checked_add(offset, b->bytes));
  }
  for (const Block& b : blocks)
    for (const uint32_t i : b.members) items[i].offset = b.offset;
  return total;
}

}  // namespace hrt
