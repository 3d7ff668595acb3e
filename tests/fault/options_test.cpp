// SPDX-License-Identifier: Apache-2.0
// The options of the fault devices: what they say wrong is an error that names it.
#include <gtest/gtest.h>

#include "tests/fault/rig.h"

namespace hrt {
namespace {

using test::Builder;
using test::FaultDevices;
using test::Rig;

struct FaultOptions : ::testing::Test {
  FaultOptions() { devices.add("dev", "host"); }
  Rig::Call tour(const FaultDevices::Options& options) {
    Builder b;
    b.outputs({b.node("Relu", {b.input("x", Type::tensor(HRT_FLOAT32, {1}))})});
    return Rig(devices, "dev", b.finish_in(devices.runtime()), options).tour({{1}});
  }
  FaultDevices devices;
};

TEST_F(FaultOptions, ThatMakeNoSenseAreErrorsThatSayWhy) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"speed", "1", "device dev has no option \"speed\""},
      {"delay_us", "-1", "delay_us = \"-1\" is no number"},
      {"delay_us", "3600000001", "over an hour"},
      {"stall_ms", "18446744073709551616", "stall_ms = \"18446744073709551616\" is no number"},
      {"latency_us", "nan", "latency_us = \"nan\" is no number"},
      {"takes", "Add, Conv", "no operator \"Conv\""},
      {"fault", "", "fault \"\": is not FUNCTION:NTH:KIND"},
      {"fault", "submit:1", "fault \"submit:1\": is not FUNCTION:NTH:KIND"},
      {"fault", "submit:1:lose,", "fault \"\": is not"},
      {"fault", "device_info:1:fail", "no function \"device_info\"; there are device_open"},
      {"fault", "submit:0:fail", "counted from 1"},
      {"fault", "submit:x:fail", "\"x\" is no number"},
      {"fault", "submit:1:burn", "no kind \"burn\"; there are fail, memory, lose, stall"},
      {"fault", "fence_destroy:1:fail", "answers nothing"},
  };
  for (const auto& [key, value, part] : cases) {
    const Rig::Call call = tour({{key, value}});
    EXPECT_EQ(call.function, "device_open") << key << " = " << value;
    EXPECT_EQ(call.failure.code, HRT_ERROR_USAGE) << call.failure.message;
    EXPECT_NE(call.failure.message.find(part), std::string::npos) << call.failure.message;
  }
}

TEST_F(FaultOptions, TakesLimitsTheOperators) {
  EXPECT_EQ(tour({{"takes", "Add, Relu"}}).function, "");
  const Rig::Call call = tour({{"takes", "Add"}});
  EXPECT_EQ(call.function, "query_nodes");
  EXPECT_EQ(call.failure.message, "not among those that it was told to take");
}

TEST_F(FaultOptions, LatencyIsWhatAPlacementCounts) {
  FaultDevices two;
  two.add("slow", "host", {{"latency_us", "20"}});
  two.add("fast", "host", {{"latency_us", "0.5"}});
  Builder b;
  b.outputs({b.node("Relu", {b.input("x", Type::tensor(HRT_FLOAT32, {1}))})});
  SessionOptions options = test::on("slow");
  options.devices = {"slow", "fast"};
  options.sharing = Sharing::kRanked;
  Session session(two.runtime(), b.finish_in(two.runtime()), options);
  EXPECT_EQ(session.placement().at(0).device, "fast");
}

}  // namespace
}  // namespace hrt
