// SPDX-License-Identifier: Apache-2.0
// Models that need more memory than a device has, or may take (the option max_memory).
#include "tests/gpu/own_runtime.h"

namespace hrt::test {
namespace {

class DeviceMemory : public OwnRuntime {
 protected:
  static std::string most(uint64_t bytes) { return std::to_string(bytes); }
};

TEST_P(DeviceMemory, WithinItsLimitAModelRunsOnTheDeviceAsOftenAsItIsOpened) {
  for (int round = 0; round < 3; ++round) {
    start({{"max_memory", most(8 * kWeight)}});
    for (int session = 0; session < 5; ++session) {
      Session s(*runtime, three_products(), on({GetParam()}, Fallback::kDeny));
      expect_right(*s.make_request());
    }
  }
}

TEST_P(DeviceMemory, AModelOverItRunsOnAnotherDeviceAndTheLogSaysWhy) {
  start({{"max_memory", most(kWeight * 3 / 2)}});
  testing::internal::CaptureStderr();
  Session session(*runtime, three_products(), on({GetParam()}, Fallback::kAllow));
  expect_right(*session.make_request());
  EXPECT_FALSE(is_used(session, GetParam()));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find(std::string(GetParam()) + " is taken out"), std::string::npos) << log;
  EXPECT_NE(log.find("out of memory"), std::string::npos) << log;
}

TEST_P(DeviceMemory, WithoutFallbackTheErrorTellsWhatIsWantedInUseAndAllowed) {
  const uint64_t limit = kWeight * 3 / 2;
  start({{"max_memory", most(limit)}});
  const Failure failure =
      failure_of([&] { Session(*runtime, three_products(), on({GetParam()}, Fallback::kDeny)); });
  EXPECT_EQ(failure.code, HRT_ERROR_MEMORY);
  const std::string wanted = most(kWeight) + " bytes are wanted", of = " of " + most(limit) + " are in use";
  EXPECT_NE(failure.message.find(wanted), std::string::npos) << failure.message;
  EXPECT_NE(failure.message.find(of), std::string::npos) << failure.message;
}

// Halves of a model on two devices need half of the memory on each, or all of it on the one that is left.
TEST_P(DeviceMemory, SharedWithAnotherDeviceTheAnswerIsRight) {
  for (const uint64_t weights : {1, 2, 3}) {
    start({{"max_memory", most(weights * kWeight + kWeight / 2)}});
    SessionOptions options = on({GetParam(), "cpu"}, Fallback::kAllow);
    options.sharing = Sharing::kCost;
    Session session(*runtime, three_products(), options);
    const auto request = session.make_request();
    for (const int64_t n : {1, 7}) expect_right(*request, n);
  }
}

TEST_P(DeviceMemory, ALimitThatIsNoNumberOfBytesIsAMistake) {
  for (const char* value : {"", "0", "-1", "64k", "99999999999999999999"}) {
    start({{"max_memory", value}});
    const Failure failure =
        failure_of([&] { Session(*runtime, three_products(), on({GetParam()}, Fallback::kDeny)); });
    EXPECT_EQ(failure.code, HRT_ERROR_USAGE) << value;
    EXPECT_NE(failure.message.find("max_memory"), std::string::npos) << failure.message;
  }
}

INSTANTIATE_TEST_SUITE_P(Gpu, DeviceMemory, devices(), device_name);

}  // namespace
}  // namespace hrt::test
