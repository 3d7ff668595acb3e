// SPDX-License-Identifier: Apache-2.0
// Shapes that are over a device's limits when a request brings them.
#include "tests/gpu/own_runtime.h"

namespace hrt::test {
namespace {

class DeviceLimits : public OwnRuntime {
 protected:
  // y[n, n] = x[n, 1] + x'[1, n]: large from small inputs.
  std::unique_ptr<Graph> outer_sum() {
    Builder b;
    const int64_t n = b.transaction().symbol("n");
    const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {n, 1}));
    const ValueId y = b.input("y", Type::tensor(HRT_FLOAT32, {1, n}));
    const ValueId sum = b.node("Add", {x, y});
    b.outputs({b.node("ReduceMax", {sum}, {{"keepdims", int64_t{0}}})});
    return b.finish_in(*runtime);
  }
  static void set(Request& request, int64_t n) {
    std::vector<float> x(size_t(n), 1);
    x.back() = 3;
    request.set_input(0, floats({n, 1}, x));
    request.set_input(1, floats({1, n}, x));
  }
  static void expect_right(Request& request, int64_t n) {
    set(request, n);
    request.run();
    EXPECT_EQ(floats_of(request.output(0)), std::vector<float>{6});
  }
};

// 65537^2 elements are more than 32-bit indices reach.
constexpr int64_t kTooMany = 65537;

TEST_P(DeviceLimits, WithoutFallbackAShapeOverThemIsAnErrorAndSmallerOnesRunAfterwards) {
  Session session(*runtime, outer_sum(), on({GetParam()}, Fallback::kDeny));
  const auto request = session.make_request();
  for (int round = 0; round < 2; ++round) {
    expect_right(*request, 16);
    set(*request, kTooMany);
    const Failure failure = failure_of([&] { request->run(); });
    EXPECT_TRUE(failure.code == HRT_ERROR_UNSUPPORTED || failure.code == HRT_ERROR_MEMORY) << failure.code;
    EXPECT_NE(failure.message.find(GetParam()), std::string::npos) << failure.message;
    EXPECT_NE(failure.message.find("Add"), std::string::npos) << failure.message;
  }
  expect_right(*request, 16);
}

TEST_P(DeviceLimits, WithFallbackLargeAndSmallShapesAreAnsweredRightInTurn) {
  // 38 million floats: more than lavapipe lets one binding of a kernel reach.
  Session session(*runtime, outer_sum(), on({GetParam(), "cpu"}, Fallback::kAllow));
  const auto request = session.make_request();
  for (const int64_t n : {16, 6200, 16}) expect_right(*request, n);
}

// More products side by side than Vulkan promises work-groups in one dimension.
TEST_P(DeviceLimits, ManySmallProductsAreComputedOrRefusedAndFewOnesRunAfterwards) {
  Builder b;
  const int64_t n = b.transaction().symbol("n");
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {n, 2, 3}));
  b.outputs({b.node("MatMul", {x, b.input("y", Type::tensor(HRT_FLOAT32, {n, 3, 2}))})});
  auto graph = b.finish_in(*runtime);
  for (const Fallback fallback : {Fallback::kDeny, Fallback::kAllow}) {
    Session session(*runtime, graph->copy(), on({GetParam()}, fallback));
    const auto request = session.make_request();
    for (const int64_t count : {5, 70'000, 5}) {
      request->set_input(0, floats({count, 2, 3}, std::vector<float>(size_t(count) * 6, 2)));
      request->set_input(1, floats({count, 3, 2}, std::vector<float>(size_t(count) * 6, 5)));
      const Failure failure = failure_of([&] { request->run(); });
      if (fallback == Fallback::kDeny && count == 70'000 && failure.code != HRT_OK) {
        EXPECT_EQ(failure.code, HRT_ERROR_UNSUPPORTED) << failure.message;
        EXPECT_NE(failure.message.find("MatMul"), std::string::npos) << failure.message;
        continue;
      }
      ASSERT_EQ(failure.code, HRT_OK) << failure.message;
      EXPECT_EQ(floats_of(request->output(0)), std::vector<float>(size_t(count) * 4, 30));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Gpu, DeviceLimits, devices(), device_name);

}  // namespace
}  // namespace hrt::test
