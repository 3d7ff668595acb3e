// SPDX-License-Identifier: Apache-2.0
// What every driver of a GPU backend must do. Runs on device 0, with the options of the environment's
// HRT_TEST_DRIVER_OPTIONS ("name=value,..."); skipped where the driver has no device.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <numeric>
#include <sstream>

#include "tests/gpu/driver_host.h"

// Drivers and layers leak, and are unmapped by the time that leaks are looked for, so that they cannot be
// told from ours: the layers, which these tests run with, name what a driver of HRT forgets to destroy.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer asks by this name
extern "C" [[gnu::visibility("default")]] const char* __asan_default_options() { return "detect_leaks=0"; }

namespace hrt::gpu {
namespace {

std::vector<std::pair<std::string, std::string>> options() {
  std::vector<std::pair<std::string, std::string>> list;
  const char* const text = std::getenv("HRT_TEST_DRIVER_OPTIONS");
  std::stringstream stream(text ? text : "");
  for (std::string item; std::getline(stream, item, ',');) {
    const size_t equals = item.find('=');
    list.emplace_back(item.substr(0, equals), equals == std::string::npos ? "" : item.substr(equals + 1));
  }
  return list;
}

constexpr uint64_t kPatience = 60'000'000'000;

class DriverTest : public testing::Test {
 protected:
  void SetUp() override {
    // What a driver logs as an error fails the test.
    set_driver_host([](hrt_log_level level, const char*, const char* text, size_t size) {
      if (level >= HRT_LOG_ERROR) ADD_FAILURE() << std::string(text, size);
    });
    if (g_driver.devices().empty()) GTEST_SKIP() << g_driver.name << " has no device here";
    driver = g_driver.open(0, options());
  }

  template <class T>
  std::unique_ptr<Buffer> upload(const std::vector<T>& values) {
    auto buffer = driver->allocate(values.size() * sizeof(T));
    driver->write({buffer.get(), 0, values.size() * sizeof(T)}, values.data());
    return buffer;
  }
  template <class T>
  std::vector<T> download(Buffer& buffer, size_t count) {
    std::vector<T> values(count);
    driver->read({&buffer, 0, count * sizeof(T)}, values.data());
    return values;
  }
  const Pipeline* pipeline(const std::string& kernel, const std::string& variant = "", int32_t constant = 0) {
    const Pipeline* p = driver->pipeline(kernel, variant, std::vector<int32_t>{64, 1, 1, constant});
    EXPECT_NE(p, nullptr) << kernel << " " << variant;
    return p;
  }
  void run(const std::vector<Dispatch>& dispatches) {
    const auto recording = driver->record(dispatches, false);
    const auto fence = driver->fence();
    driver->submit(*recording, {}, {fence.get(), 1});
    ASSERT_TRUE(fence->wait(1, kPatience));
  }

  std::unique_ptr<Driver> driver;
};

TEST_F(DriverTest, BytesComeBackFromAnyOffsetOfSmallAndLargeBuffers) {
  for (const uint64_t bytes : {uint64_t(1000), uint64_t(9'000'000)}) {
    std::vector<uint8_t> sent(bytes), got(bytes);
    std::iota(sent.begin(), sent.end(), uint8_t(7));
    const auto buffer = driver->allocate(bytes + 512);
    driver->write({buffer.get(), 512, bytes}, sent.data());
    driver->read({buffer.get(), 512, bytes}, got.data());
    EXPECT_EQ(got, sent) << bytes;
  }
}

TEST_F(DriverTest, KernelAddsItsConstantAndItsPushWord) {
  const size_t n = 1000;
  std::vector<float> x(n);
  std::iota(x.begin(), x.end(), 0.f);
  const auto in = upload(x);
  const auto out = driver->allocate(n * 4);
  run({{pipeline("test_add", "f32", 100),
        {{in.get(), 0, n * 4}, {out.get(), 0, n * 4}},
        {n, 23},
        {16, 1, 1}}});
  std::vector<float> expected;
  for (const float v : x) expected.push_back(v + 123);
  EXPECT_EQ(download<float>(*out, n), expected);
}

TEST_F(DriverTest, DispatchesThatWaitSeeWhatThoseBeforeWrote) {
  const uint32_t n = 65536, steps = 20;
  std::vector<uint32_t> x(n);
  std::iota(x.begin(), x.end(), 0u);
  const auto a = upload(x), b = upload(x);
  std::vector<Dispatch> chain;
  for (uint32_t s = 0; s < steps; ++s) {
    Buffer* const from = (s % 2 ? b : a).get();
    Buffer* const to = (s % 2 ? a : b).get();
    chain.push_back({pipeline("test_chase"), {{from, 0, n * 4}, {to, 0, n * 4}}, {n, 4099}, {n / 64, 1, 1}});
  }
  run(chain);
  for (uint32_t s = 0; s < steps; ++s) {
    std::vector<uint32_t> y(n);
    for (uint32_t i = 0; i < n; ++i) y[i] = x[(i + 4099) % n] * 3 + 1;
    x = y;
  }
  EXPECT_EQ(download<uint32_t>(*a, n), x);
}

// PoCL 3.1 aborted, when a kernel met its first large grid: see must_go_in_turn in
// backends/opencl/platform.cpp.
TEST_F(DriverTest, AKernelRunsOverASmallAndALargeGridAtOnce) {
  constexpr uint32_t kSmall = 1024, kLarge = 4096, kTimes = 40;
  const auto in = upload(std::vector<int32_t>(kLarge, 5));
  const auto out = driver->allocate(uint64_t{kTimes} * kLarge * 4);
  for (int32_t constant = 1; constant <= 10; ++constant) {
    std::vector<Dispatch> overlapping;
    for (uint32_t i = 0; i < kTimes; ++i) {
      const uint32_t n = i == kTimes - 1 ? kLarge : kSmall;
      const Span from{in.get(), 0, uint64_t{n} * 4}, to{out.get(), uint64_t{i} * kLarge * 4, uint64_t{n} * 4};
      overlapping.push_back({pipeline("test_add", "i32", constant), {from, to}, {n, i}, {n / 64, 1, 1}});
      overlapping.back().waits = false;
    }
    run(overlapping);
    const auto sums = download<int32_t>(*out, size_t{kTimes} * kLarge);
    for (uint32_t i = 0; i < kTimes; ++i)
      ASSERT_EQ(sums[size_t{i} * kLarge + kSmall - 1], 5 + constant + int32_t(i));
    ASSERT_EQ(sums.back(), 5 + constant + int32_t(kTimes - 1));
  }
}

TEST_F(DriverTest, SubmissionsWaitForPointsThatAreReachedLater) {
  const uint32_t n = 4096;
  std::vector<int32_t> x(n, 5), result(n);
  const auto a = driver->allocate(n * 4), b = driver->allocate(n * 4);
  const std::vector<Dispatch> add{
      {pipeline("test_add", "i32", 1), {{a.get(), 0, n * 4}, {b.get(), 0, n * 4}}, {n, 1}, {n / 64, 1, 1}}};
  const auto recording = driver->record(add, false);
  const auto up = driver->fence(), done = driver->fence(), down = driver->fence();
  // In the reverse order: each waits for what is only asked for later.
  const Point uploaded{up.get(), 1}, computed{done.get(), 1};
  driver->copy(std::vector<HostCopy>{{HRT_TO_HOST, {b.get(), 0, n * 4}, result.data()}}, {&computed, 1},
               {down.get(), 1});
  driver->submit(*recording, {&uploaded, 1}, computed);
  EXPECT_FALSE(down->wait(1, 20'000'000));
  driver->copy(std::vector<HostCopy>{{HRT_TO_DEVICE, {a.get(), 0, n * 4}, x.data()}}, {}, uploaded);
  ASSERT_TRUE(down->wait(1, kPatience));
  EXPECT_EQ(result, std::vector<int32_t>(n, 7));
}

TEST_F(DriverTest, KernelsReadAndWriteImportedHostMemory) {
  const uint64_t unit = driver->caps().import_alignment;
  if (!unit) GTEST_SKIP() << "host memory cannot be imported";
  const std::unique_ptr<void, decltype(&std::free)> memory(std::aligned_alloc(unit, unit * 2), std::free);
  auto* const words = static_cast<int32_t*>(memory.get());
  const auto n = uint32_t(unit / 4);
  std::iota(words, words + n, 0);
  const auto buffer = driver->import(words, unit * 2);
  run({{pipeline("test_add", "i32"),
        {{buffer.get(), 0, unit}, {buffer.get(), unit, unit}},
        {n, 3},
        {(n + 63) / 64, 1, 1}}});
  for (uint32_t i = 0; i < n; ++i) ASSERT_EQ(words[n + i], int32_t(i + 3)) << i;
  EXPECT_EQ(code_of([&] { driver->import(reinterpret_cast<char*>(words) + 16, unit); }), HRT_ERROR_USAGE);
}

TEST_F(DriverTest, TimesOfDispatchesAreInOrderAndWithinTheRun) {
  const uint32_t n = 1 << 20;
  const auto a = upload(std::vector<uint32_t>(n)), b = upload(std::vector<uint32_t>(n));
  std::vector<Dispatch> list;
  for (uint32_t i = 0; i < 4; ++i)
    list.push_back(
        {pipeline("test_chase"), {{a.get(), 0, n * 4}, {b.get(), 0, n * 4}}, {n, 1}, {n / 64, 1, 1}, i});
  const auto recording = driver->record(list, true);
  const auto fence = driver->fence();
  const auto now = [] { return uint64_t(std::chrono::steady_clock::now().time_since_epoch().count()); };
  const uint64_t before = now();
  driver->submit(*recording, {}, {fence.get(), 1});
  ASSERT_TRUE(fence->wait(1, kPatience));
  const uint64_t after = now();
  const std::vector<Time> times = driver->times(*recording);
  ASSERT_EQ(times.size(), 4);
  constexpr uint64_t kSlack = 5'000'000;  // of a clock that is only bracketed
  for (size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(times[i].node, i);
    EXPECT_LT(times[i].begin_ns, times[i].end_ns);
    if (i) EXPECT_GE(times[i].begin_ns + 1000, times[i - 1].end_ns);
  }
  EXPECT_GE(times.front().begin_ns + kSlack, before);
  EXPECT_LE(times.back().end_ns, after + kSlack);
}

TEST_F(DriverTest, WhatIsOverALimitIsRefused) {
  const Caps& caps = driver->caps();
  const auto buffer = driver->allocate(1024);
  const Span span{buffer.get(), 0, 1024};
  const Pipeline* const p = pipeline("test_add", "f32");
  const auto record = [&](const Dispatch& d) { return code_of([&] { driver->record({&d, 1}, false); }); };
  EXPECT_EQ(record({p, {span, span}, {0, 0}, {1, 1, 1}}), HRT_OK);
  if (caps.max_groups[1] < UINT32_MAX)
    EXPECT_EQ(record({p, {span, span}, {0, 0}, {1, caps.max_groups[1] + 1, 1}}), HRT_ERROR_UNSUPPORTED);
  EXPECT_EQ(record({p, {span}, {0, 0}, {1, 1, 1}}), HRT_ERROR_USAGE);
  EXPECT_EQ(record({p, {span, {buffer.get(), 512, 1024}}, {0, 0}, {1, 1, 1}}), HRT_ERROR_USAGE);
  EXPECT_EQ(record({p, {span, span}, std::vector<uint32_t>(kPushWords + 1), {1, 1, 1}}), HRT_ERROR_USAGE);
  const auto group = std::vector<int32_t>{int32_t(caps.max_group_sizes[0]) + 1, 1, 1, 0};
  EXPECT_EQ(code_of([&] { driver->pipeline("test_add", "f32", group); }), HRT_ERROR_UNSUPPORTED);
  EXPECT_EQ(code_of([&] { driver->allocate(uint64_t(1) << 50); }), HRT_ERROR_MEMORY);
}

TEST_F(DriverTest, UnknownKernelIsNullAndUnknownOptionAnError) {
  EXPECT_EQ(driver->pipeline("no_such_kernel", "f32", std::vector<int32_t>{64, 1, 1}), nullptr);
  EXPECT_EQ(driver->pipeline("test_add", "no_such_variant", std::vector<int32_t>{64, 1, 1}), nullptr);
  EXPECT_EQ(code_of([] { g_driver.open(0, {{"speed", "high"}}); }), HRT_ERROR_USAGE);
}

}  // namespace
}  // namespace hrt::gpu
