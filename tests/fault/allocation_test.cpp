// SPDX-License-Identifier: Apache-2.0
// What the core allocates in a warm run through a device's queue; what the device's plugin allocates is its
// own.
#include <gtest/gtest.h>

#include "tests/core/allocations.h"
#include "tests/core/builder.h"
#include "tests/fault/devices.h"

namespace hrt {
namespace {

using test::Builder;

class QueuedAllocations : public testing::TestWithParam<const char*> {};

// y = f(neg(f(x))) with steps of the host's around the device's: cpu runs what dev does not take.
void expect_none(const char* memory, const char* f, unsigned threads, const std::vector<float>& expected) {
  test::FaultDevices devices;
  devices.add("dev", memory);
  Runtime& runtime = devices.runtime();
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {4}));
  const ValueId other = b.node(f, {x});
  b.outputs({b.node(f, {b.node("Neg", {b.node(f, {x})})}), b.node("Neg", {other}), b.node(f, {other})});
  SessionOptions options;
  options.devices = {"dev", "cpu"};
  options.threads = threads;
  options.optimise = false;
  Session session(runtime, b.finish_in(runtime), options);
  const auto request = session.make_request();
  request->set_input(0, test::floats({4}, {1, -2, 3, -4}));
  for (int i = 0; i < 50; ++i) request->run();
  test::leave_out_allocations_of("/dev.so");
  EXPECT_EQ(test::allocations_of([&] {
              for (int i = 0; i < 100; ++i) request->run();
            }),
            0u);
  test::leave_out_allocations_of(nullptr);
  EXPECT_EQ(test::floats_of(request->output(0)), expected);
}

TEST_P(QueuedAllocations, OfWarmRunsOnTheDeviceAreNone) { expect_none(GetParam(), "Relu", 1, {0, 0, 0, 0}); }
TEST_P(QueuedAllocations, OfWarmRunsWithStepsOfTheHostAreNone) {
  for (const unsigned threads : {1u, 2u}) expect_none(GetParam(), "Abs", threads, {1, 2, 3, 4});
}

INSTANTIATE_TEST_SUITE_P(Memory, QueuedAllocations, testing::Values("host", "shared", "device"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace hrt
