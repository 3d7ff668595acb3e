// SPDX-License-Identifier: Apache-2.0
// Random numbers for the operators that draw them: the same seed gives the same numbers everywhere.
#pragma once

#include <bit>
#include <cmath>
#include <numbers>
#include <random>

#include "op.h"

namespace hrt::ops {

// The Mersenne twister, seeded and turned into doubles as in numpy.random.seed and numpy.random.uniform.
class Random {
 public:
  // From the attribute `seed` (a float or an integer), or a new one for each run.
  explicit Random(const Node& node) : engine_(seed_of(node.attr("seed"))) {}

  double uniform() {  // in [0, 1)
    const uint32_t high = engine_() >> 5, low = engine_() >> 6;
    return (double(high) * 0x1p26 + double(low)) * 0x1p-53;
  }
  double normal() {  // Box and Muller
    const double r = std::sqrt(-2 * std::log1p(-uniform()));
    return r * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  static uint32_t seed_of(const Attr& a) {
    if (!a) return std::random_device()();
    return a.c().type == HRT_ATTR_FLOAT ? std::bit_cast<uint32_t>(a.c().f) : uint32_t(a.c().i);
  }
  std::mt19937 engine_;
};

}  // namespace hrt::ops
