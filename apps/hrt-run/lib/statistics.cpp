// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hrt {
namespace {

double median_of(std::span<const uint64_t> samples) {
  std::vector<uint64_t> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  return percentile(sorted, 50);
}

}  // namespace

double percentile(std::span<const uint64_t> sorted, double percent) {
  const double at = percent / 100 * double(sorted.size() - 1);
  const auto low = std::min(size_t(at), sorted.size() - 1);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return double(sorted[low]) + (at - double(low)) * (double(sorted[high]) - double(sorted[low]));
}

Statistics statistics(std::span<const uint64_t> samples) {
  Statistics s;
  s.count = samples.size();
  if (samples.empty()) return s;
  std::vector<uint64_t> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  s.min = double(sorted.front());
  s.max = double(sorted.back());
  s.median = percentile(sorted, 50);
  s.p90 = percentile(sorted, 90);
  s.p99 = percentile(sorted, 99);
  const auto n = double(samples.size());
  s.mean = std::accumulate(samples.begin(), samples.end(), 0.0) / n;
  double square = 0;
  for (const uint64_t x : samples) square += (double(x) - s.mean) * (double(x) - s.mean);
  s.std = std::sqrt(square / n);
  if (const size_t tenth = samples.size() / 10; tenth > 0) {
    const double first = median_of(samples.first(tenth));
    if (first > 0) s.drift = median_of(samples.last(tenth)) / first - 1;
  }
  return s;
}

}  // namespace hrt
