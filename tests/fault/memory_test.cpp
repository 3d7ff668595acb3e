// SPDX-License-Identifier: Apache-2.0
// A model whose weights are more than the memory of a device holds: it is cut.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/core/builder.h"
#include "tests/fault/devices.h"

namespace hrt {
namespace {

using test::Builder;

// y = 16 x in four products with weights of 4 MB each, on a device of 16 MiB, a quarter of which is for other
// values.
TEST(DeviceMemory, AModelThatIsLargerRunsOnTheDeviceAsFarAsItsWeightsFit) {
  constexpr int64_t kWidth = 1000;
  test::FaultDevices devices;
  devices.add("dev", "device");
  Runtime& runtime = devices.runtime();
  for (const Sharing sharing : {Sharing::kOrder, Sharing::kCost}) {
    Builder b;
    std::vector<float> twice(size_t(kWidth * kWidth));
    for (int64_t i = 0; i < kWidth; ++i) twice[size_t(i * kWidth + i)] = 2;
    ValueId v = b.input("x", Type::tensor(HRT_FLOAT32, {1, kWidth}));
    for (int i = 0; i < 4; ++i) v = b.node("MatMul", {v, b.constant(test::floats({kWidth, kWidth}, twice))});
    b.outputs({v});
    SessionOptions options;
    options.devices = {"dev"};
    options.sharing = sharing;
    options.threads = 1;
    Session session(runtime, b.finish_in(runtime), options);
    EXPECT_EQ(std::ranges::count(session.placement(), "dev", &Placement::device), 3);
    const auto request = session.make_request();
    request->set_input(0, test::floats({1, kWidth}, std::vector<float>(kWidth, 1.5f)));
    request->run();
    EXPECT_EQ(test::floats_of(request->output(0)), std::vector<float>(kWidth, 24));
  }
}

}  // namespace
}  // namespace hrt
