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
    RecordProperty("message", failure.message);
  }
  expect_right(*request, 16);
}

INSTANTIATE_TEST_SUITE_P(Gpu, DeviceLimits, devices(), device_name);

}  // namespace
}  // namespace hrt::test
