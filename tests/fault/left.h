// SPDX-License-Identifier: Apache-2.0
// That whatever was made with a fault device went back to it.
#pragma once

#include <gtest/gtest.h>

#include "tests/fault/fault.h"

namespace hrt::test {

// The device itself may still be open.
inline void expect_all_given_back(const fault::Alive& alive) {
  EXPECT_EQ(alive.executables, 0u);
  EXPECT_EQ(alive.prepared, 0u);
  EXPECT_EQ(alive.contexts, 0u);
  EXPECT_EQ(alive.buffers, 0u);
  EXPECT_EQ(alive.fences, 0u);
  EXPECT_EQ(alive.submissions, 0u);
}

}  // namespace hrt::test
