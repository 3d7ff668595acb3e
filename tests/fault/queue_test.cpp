// SPDX-License-Identifier: Apache-2.0
// The queue of the fault devices: order by points, overlap, times, and what it finds that a host does wrong.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "core/plugin/status.h"
#include "tests/fault/rig.h"

namespace hrt {
namespace {

using std::chrono::milliseconds;
using test::Builder;
using test::FaultDevices;
using test::Rig;

std::unique_ptr<Graph> twice(Runtime& runtime) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {2}));
  b.outputs({b.node("Neg", {b.node("Add", {x, x})})});
  return b.finish_in(runtime);
}
const std::vector<std::vector<float>> kIn = {{3, -1}};
const std::vector<float> kOut = {-6, 2};

struct FaultQueue : ::testing::Test {
  std::unique_ptr<Rig> rig(const std::string& memory, FaultDevices::Options options = {}) {
    devices.add("dev", memory);
    auto r = std::make_unique<Rig>(devices, "dev", twice(devices.runtime()), std::move(options));
    r->set_up();
    return r;
  }
  uint64_t misuses() { return devices.control("dev").misuses(); }
  FaultDevices devices;
};

// On a fence of its own, so that a test says what waits for what.
hrt_submit_args points(const std::vector<hrt_point>& wait, hrt_point signal) {
  return {sizeof(hrt_submit_args), nullptr, wait.data(), wait.size(), signal, 0};
}

bool reached(const Rig& r, hrt_fence* fence, uint64_t value, uint64_t timeout_ms) {
  uint32_t out = 0;
  check(r.api.fence_wait(fence, value, timeout_ms * 1'000'000, &out), "fence_wait");
  return out != 0;
}

TEST_F(FaultQueue, WorkBeginsWhenAllItsPointsAreReachedInWhateverOrderItWasSubmitted) {
  const auto r = rig("device");
  std::memcpy(r->pages[0]->data(), kIn[0].data(), 8);
  const hrt_copy up{sizeof(hrt_copy), HRT_TO_DEVICE, {r->buffers[0], 0, 8}, r->pages[0]->data()};
  const hrt_copy down{sizeof(hrt_copy), HRT_TO_HOST, {r->buffers[1], 0, 8}, r->pages[1]->data()};
  hrt_fence *run_fence = nullptr, *down_fence = nullptr;
  r->call("fence_create", r->api.fence_create(r->device, &run_fence));
  r->call("fence_create", r->api.fence_create(r->device, &down_fence));
  const std::vector<hrt_point> after_upload{{r->fence, 1}}, after_run{{run_fence, 7}};
  const auto last = points(after_run, {down_fence, 1});
  const auto middle = points(after_upload, {run_fence, 7});
  const auto first = points({}, {r->fence, 1});
  r->call("copy", r->api.copy(r->device, &down, 1, sizeof(hrt_copy), &last));
  r->call("submit", r->api.submit(r->context, &middle));
  EXPECT_FALSE(reached(*r, down_fence, 1, 30));
  EXPECT_FALSE(reached(*r, run_fence, 1, 0));
  r->call("copy", r->api.copy(r->device, &up, 1, sizeof(hrt_copy), &first));
  EXPECT_TRUE(reached(*r, down_fence, 1, 10'000));
  EXPECT_TRUE(reached(*r, run_fence, 7, 0));
  EXPECT_FALSE(reached(*r, run_fence, 8, 0));
  EXPECT_EQ(r->output(0), kOut);
  r->api.fence_destroy(run_fence);
  r->api.fence_destroy(down_fence);
  EXPECT_EQ(misuses(), 0u);
}

TEST_F(FaultQueue, SubmitReturnsAtOnceAndTheRunTakesItsDelay) {
  const auto r = rig("shared", {{"delay_us", "80000"}});
  r->upload(kIn);
  const uint64_t begin = now_ns();
  r->submit();
  EXPECT_FALSE(r->wait(0));
  // What is to be written is spoilt from the moment that the work begins.
  while (!std::isnan(r->output(0)[0]) && now_ns() - begin < 40'000'000)
    std::this_thread::sleep_for(milliseconds(1));
  EXPECT_TRUE(r->wait());
  EXPECT_GE(now_ns() - begin, 80'000'000u);
  EXPECT_EQ(r->output(0), kOut);
}

TEST_F(FaultQueue, ReportsWhenEachNodeRan) {
  const auto r = rig("shared", {{"delay_us", "20000"}});
  Trace trace;
  const std::string device = "dev";
  hrt_run run;
  run.trace = &trace;
  run.graph = &r->graph();
  run.device = &device;
  r->upload(kIn);
  const uint64_t begin = now_ns();
  r->submit(&run, HRT_RUN_PROFILE);
  ASSERT_TRUE(r->wait());
  const uint64_t end = now_ns();
  r->call("collect", r->api.collect(r->context, &run));
  const auto events = trace.events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].category, "Add");
  EXPECT_EQ(events[1].category, "Neg");
  EXPECT_LE(begin, events[0].begin_ns);
  EXPECT_LE(events[0].end_ns, events[1].begin_ns);
  EXPECT_LE(events[1].end_ns, end);
  for (const TraceEvent& e : events) EXPECT_GE(e.end_ns - e.begin_ns, 9'000'000u);
}

// A run and a copy of one device, and runs of two devices.
TEST_F(FaultQueue, WorkThatWaitsForNothingOverlaps) {
  FaultDevices two;
  two.add("a", "device");
  two.add("b", "shared");
  const FaultDevices::Options slow = {{"delay_us", "100000"}};
  Rig a(two, "a", twice(two.runtime()), slow), b(two, "b", twice(two.runtime()), slow);
  a.set_up();
  b.set_up();
  hrt_fence* other = nullptr;
  a.call("fence_create", a.api.fence_create(a.device, &other));
  const hrt_copy up{sizeof(hrt_copy), HRT_TO_DEVICE, {a.buffers[0], 0, 8}, a.pages[0]->data()};
  const auto alone = points({}, {other, 1});
  const uint64_t begin = now_ns();
  a.submit();
  b.submit();
  a.call("copy", a.api.copy(a.device, &up, 1, sizeof(hrt_copy), &alone));
  EXPECT_TRUE(a.wait());
  EXPECT_TRUE(b.wait());
  EXPECT_TRUE(reached(a, other, 1, 10'000));
  EXPECT_LT(now_ns() - begin, 200'000'000u);
  a.api.fence_destroy(other);
}

TEST_F(FaultQueue, MemoryOfTheDevicesOwnBeginsSpoiltAndIsLimited) {
  const auto r = rig("device");
  r->download();
  ASSERT_TRUE(r->wait());
  EXPECT_TRUE(std::isnan(r->output(0)[0]));
  hrt_buffer* buffer = nullptr;
  const auto failure = test::ended(r->api.buffer_allocate(r->device, (16u << 20) - 4096, &buffer));
  EXPECT_EQ(failure.code, HRT_ERROR_MEMORY);
  EXPECT_EQ(buffer, nullptr);
  r->call("buffer_allocate", r->api.buffer_allocate(r->device, (16u << 20) - 8192, &buffer));
  r->api.buffer_release(buffer);
}

// ------------------------------------------------------------------------- what a host does wrong

TEST_F(FaultQueue, AHostThatBreaksARuleIsToldAndCounted) {
  const auto r = rig("device", {{"delay_us", "50000"}});
  ::testing::internal::CaptureStderr();
  const auto refuses = [&](hrt_status* status, const char* part) {
    const auto failure = test::ended(status);
    EXPECT_EQ(failure.code, HRT_ERROR_USAGE) << part;
    EXPECT_NE(failure.message.find(part), std::string::npos) << failure.message;
  };
  hrt_buffer* buffer = nullptr;
  refuses(r->api.buffer_import(r->device, r->pages[0]->data(), 4096, &buffer), "memory of its own");
  const auto copy = [&](hrt_region region) {
    const hrt_copy item{sizeof(hrt_copy), HRT_TO_DEVICE, region, r->pages[0]->data()};
    const auto args = points({}, {r->fence, 100});
    return r->api.copy(r->device, &item, 1, sizeof(hrt_copy), &args);
  };
  refuses(copy({nullptr, 0, 8}), "not of this device");
  refuses(copy({r->buffers[0], 3840, 512}), "past the end");
  refuses(copy({r->buffers[0], 64, 8}), "not aligned");
  const hrt_bind_args bound{sizeof(hrt_bind_args), nullptr, 0, nullptr, 0};
  refuses(r->api.bind(r->context, &bound), "second time");
  r->submit();
  const auto nowhere = points({}, {nullptr, 1});
  refuses(r->api.submit(r->context, &nowhere), "fence that is not of this device");
  const auto again = points({}, {r->fence, 9});
  refuses(r->api.submit(r->context, &again), "last submission has not ended");
  hrt_context* unbound = nullptr;
  r->call("context_create", r->api.context_create(r->prepared, &unbound));
  refuses(r->api.submit(unbound, &again), "before bind");
  r->api.context_destroy(unbound);
  const auto back = points({}, {r->fence, 1});
  refuses(r->api.submit(r->context, &back), "a point of 1 on a fence that 1 was promised to");
  EXPECT_EQ(misuses(), 9u);
  EXPECT_TRUE(r->wait());
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("misused by the host: submit before bind"), std::string::npos) << log;
}

TEST_F(FaultQueue, MemoryReleasedUnderQueuedWorkIsCountedAndNotTouched) {
  auto r = rig("shared", {{"delay_us", "50000"}});
  ::testing::internal::CaptureStderr();
  r->submit();
  r->api.buffer_release(r->buffers.back());
  r->buffers.pop_back();
  std::memset(r->pages[1]->data(), 0x55, 8);
  EXPECT_FALSE(r->wait(100));
  EXPECT_EQ(misuses(), 1u);
  EXPECT_EQ(std::memcmp(r->pages[1]->data(), "\x55\x55\x55\x55\x55\x55\x55\x55", 8), 0);
  r.reset();
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("buffer_release: queued work uses it"), std::string::npos) << log;
}

TEST_F(FaultQueue, AFenceDestroyedBeforeItsPointIsReachedIsCounted) {
  const auto r = rig("shared", {{"delay_us", "20000"}});
  ::testing::internal::CaptureStderr();
  r->submit();
  r->api.fence_destroy(r->fence);
  r->fence = nullptr;
  EXPECT_EQ(misuses(), 1u);
  while (devices.alive("dev").submissions > 0) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("queued work will signal it"), std::string::npos);
}

}  // namespace
}  // namespace hrt
