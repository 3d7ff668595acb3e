// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>

#include "apps/hrt-run/lib/environment.h"
#include "apps/hrt-run/lib/phases.h"
#include "apps/hrt-run/lib/statistics.h"
#include "apps/hrt-run/lib/summary.h"
#include "files.h"

namespace hrt {
namespace {

// Expected values: numpy.percentile, numpy.mean, numpy.std.
TEST(Statistics, PercentilesAreLinearBetweenNeighbours) {
  const std::vector<uint64_t> sorted = {15, 20, 35, 40, 50};
  EXPECT_DOUBLE_EQ(percentile(sorted, 40), 29);
  EXPECT_DOUBLE_EQ(percentile(sorted, 99), 49.6);
  EXPECT_DOUBLE_EQ(percentile(sorted, 0), 15);
  EXPECT_DOUBLE_EQ(percentile(sorted, 100), 50);
  EXPECT_DOUBLE_EQ(percentile(std::vector<uint64_t>{7}, 90), 7);
}

TEST(Statistics, DescribeSamplesInAnyOrder) {
  const Statistics s = statistics(std::vector<uint64_t>{40, 15, 50, 20, 35});
  EXPECT_EQ(s.count, 5u);
  EXPECT_DOUBLE_EQ(s.min, 15);
  EXPECT_DOUBLE_EQ(s.max, 50);
  EXPECT_DOUBLE_EQ(s.median, 35);
  EXPECT_DOUBLE_EQ(s.p90, 46);
  EXPECT_DOUBLE_EQ(s.mean, 32);
  EXPECT_NEAR(s.std, 12.884098726725126, 1e-12);
  EXPECT_DOUBLE_EQ(s.drift, 0);  // too few to say
  EXPECT_EQ(statistics({}).count, 0u);
}

TEST(Phases, AreSummedByDeviceAndDividedByRuns) {
  const std::vector<TraceEvent> events = {
      {"x", "upload", "board", 0, 0, 100, 140},      {"cluster 0", "execute", "board", 0, 0, 140, 200},
      {"some operator", "Add", "host", 1, 0, 0, 50}, {"y", "download", "board", 0, 0, 200, 210},
      {"x", "upload", "other", 0, 1, 0, 8},          {"x", "upload", "board", 0, 1, 300, 320},
  };
  const auto phases = device_phases(events, 2);
  ASSERT_EQ(phases.size(), 2u);
  EXPECT_EQ(phases[0].device, "board");
  EXPECT_DOUBLE_EQ(phases[0].upload_ns, 30);
  EXPECT_DOUBLE_EQ(phases[0].execute_ns, 30);
  EXPECT_DOUBLE_EQ(phases[0].download_ns, 5);
  EXPECT_EQ(phases[1].device, "other");
  EXPECT_DOUBLE_EQ(phases[1].upload_ns, 4);
  EXPECT_DOUBLE_EQ(phases[1].execute_ns, 0);
  EXPECT_TRUE(device_phases({}, 0).empty());
}

TEST(Statistics, DriftComparesTheLastTenthWithTheFirst) {
  std::vector<uint64_t> samples(40, 100);
  for (size_t i = 36; i < 40; ++i) samples[i] = 110;
  EXPECT_NEAR(statistics(samples).drift, 0.1, 1e-12);
}

TEST(Summary, CountsWhatIsNoNumber) {
  Tensor t = Tensor::allocate(HRT_FLOAT32, {6});
  const float values[] = {1, NAN, 3, INFINITY, -INFINITY, 5};
  std::copy(std::begin(values), std::end(values), t.data_as<float>());
  const Summary s = summarise(t);
  EXPECT_EQ(s.count, 6u);
  EXPECT_EQ(s.nan, 1u);
  EXPECT_EQ(s.infinite, 2u);
  EXPECT_DOUBLE_EQ(s.min, 1);
  EXPECT_DOUBLE_EQ(s.max, 5);
  EXPECT_DOUBLE_EQ(s.mean, 3);
  EXPECT_NEAR(s.std, 1.632993161855452, 1e-12);
  EXPECT_EQ(to_string(summarise(Tensor::allocate(HRT_FLOAT32, {0}))), "empty");
}

TEST(Summary, RanksEachRow) {
  Tensor t = Tensor::allocate(HRT_FLOAT32, {2, 3});
  const float values[] = {1, 3, 2, NAN, -1, 4};
  std::copy(std::begin(values), std::end(values), t.data_as<float>());
  const auto rows = top_k(t, 2, false);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0][0].index, 1u);
  EXPECT_EQ(rows[0][1].index, 2u);
  EXPECT_EQ(rows[1][0].index, 2u);
  EXPECT_EQ(rows[1][1].index, 1u);
  EXPECT_NEAR(top_k(t, 1, true)[0][0].value, 0.6652409557748219,
              1e-12);  // exp(3) / (exp(1) + exp(2) + exp(3))
  EXPECT_EQ(top_k(t, 100, false)[0].size(), 3u);
  EXPECT_TRUE(top_k(Tensor::allocate(HRT_FLOAT32, {0, 3}), 5, false).empty());
}

TEST(Environment, ReadsTheGivenRoot) {
  const test::TemporaryDirectory root;
  std::filesystem::create_directories(root / "proc");
  std::filesystem::create_directories(root / "sys/devices/system/cpu/cpu0/cpufreq");
  root.write("proc/cpuinfo", "processor\t: 0\nmodel name\t: Acme 9000\nflags\t: fast\n");
  root.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
  const Environment e = read_environment(root.path());
  EXPECT_EQ(e.cpu, "Acme 9000");
  EXPECT_EQ(e.governor, "performance");
  EXPECT_GE(e.cores, 1u);
  EXPECT_GT(peak_resident_bytes(), 1u << 20);
}

}  // namespace
}  // namespace hrt
