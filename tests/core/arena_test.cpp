// SPDX-License-Identifier: Apache-2.0
#include "core/plan/arena.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "core/base/error.h"

namespace hrt {
namespace {

TEST(Arena, BuffersThatAreAliveTogetherNeverOverlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<hrt_arena_item> items(1 + random() % 60);
    for (size_t i = 0; i < items.size(); ++i) {
      auto& it = items[i];
      it.bytes = random() % 5000;
      it.first = random() % 40;
      it.last = it.first + random() % 10;
      it.share = random() % 3 == 0 ? uint32_t(random() % items.size()) : HRT_NONE;
    }
    const uint64_t total = plan_arena(items, 64);
    for (size_t i = 0; i < items.size(); ++i) {
      EXPECT_EQ(items[i].offset % 64, 0u);
      EXPECT_LE(items[i].offset + items[i].bytes, total);
      for (size_t j = 0; j < i; ++j) {
        const auto &a = items[i], &b = items[j];
        if (a.last < b.first || b.last < a.first) continue;
        // The only overlap allowed: one takes the place of the other, which dies as this one is born.
        if (a.share == j && b.last == a.first) continue;
        if (b.share == i && a.last == b.first) continue;
        EXPECT_TRUE(a.bytes == 0 || b.bytes == 0 || a.offset + a.bytes <= b.offset ||
                    b.offset + b.bytes <= a.offset)
            << "round " << round << " items " << i << " and " << j;
      }
    }
  }
}

TEST(Arena, AChainNeedsTwoBuffersAndInPlaceOne) {
  auto chain = [](bool in_place) {
    std::vector<hrt_arena_item> items;
    for (uint32_t i = 0; i < 10; ++i)
      items.push_back({1000, i, i + 1, in_place && i > 0 ? i - 1 : HRT_NONE, 0});
    return plan_arena(items, 8);
  };
  EXPECT_EQ(chain(false), 2000u);
  EXPECT_EQ(chain(true), 1000u);
}

TEST(Arena, NonsenseIsAnError) {
  std::vector<hrt_arena_item> backwards = {{1, 2, 1, HRT_NONE, 0}};
  EXPECT_THROW(plan_arena(backwards, 64), Error);
  std::vector<hrt_arena_item> dangling = {{1, 0, 1, 5, 0}};
  EXPECT_THROW(plan_arena(dangling, 64), Error);
  std::vector<hrt_arena_item> huge = {{UINT64_MAX, 0, 1, HRT_NONE, 0}};
  EXPECT_THROW(plan_arena(huge, 64), Error);
  std::vector<hrt_arena_item> fine = {{1, 0, 1, HRT_NONE, 0}};
  EXPECT_THROW(plan_arena(fine, 48), Error);
}

}  // namespace
}  // namespace hrt
