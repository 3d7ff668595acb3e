// SPDX-License-Identifier: Apache-2.0
// Figures of a series of latencies in nanoseconds. [any-thread]
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hrt {

struct Statistics {
  uint64_t count = 0;
  double min = 0, median = 0, p90 = 0, p99 = 0, max = 0;
  double mean = 0, std = 0;  // of the population
  // How much slower the last tenth was than the first, by their medians: 0.02 is two per cent. 0 for less
  // than ten samples.
  double drift = 0;
};

// samples: in the order in which they were taken.
Statistics statistics(std::span<const uint64_t> samples);

// Linear between neighbours, as numpy.percentile; percent from 0 to 100. sorted must not be empty.
double percentile(std::span<const uint64_t> sorted, double percent);

}  // namespace hrt
