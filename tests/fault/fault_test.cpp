// SPDX-License-Identifier: Apache-2.0
// That each fault does what it says, at every function, and leaves nothing behind.
#include <gtest/gtest.h>

#include <chrono>
#include <ostream>
#include <thread>

#include "tests/fault/left.h"
#include "tests/fault/rig.h"

namespace hrt {
namespace {

using test::Builder;
using test::FaultDevices;
using test::Rig;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// y = relu(x) * x
std::unique_ptr<Graph> small(Runtime& runtime) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {2}));
  b.outputs({b.node("Mul", {b.node("Relu", {x}), x})});
  return b.finish_in(runtime);
}
const std::vector<std::vector<float>> kIn = {{3, -1}};
const std::vector<float> kOut = {9, 0};

void expect_nothing_left(FaultDevices& devices) {
  const fault::Alive alive = devices.alive("dev");
  EXPECT_EQ(alive.devices, 0u);
  test::expect_all_given_back(alive);
  EXPECT_EQ(devices.control("dev").misuses(), 0u);
  EXPECT_EQ(devices.control("dev").stalled(), 0u);
}

struct Place {
  const char* memory;
  const char* function;
};

std::ostream& operator<<(std::ostream& out, const Place& place) {
  return out << place.memory << " " << place.function;
}

// Every function that answers, on a kind of memory that calls it.
std::vector<Place> places() {
  std::vector<Place> out;
  for (const char* f : {"device_open", "query_nodes", "compile", "prepare", "context_create", "run"})
    out.push_back({"host", f});
  for (const char* f : {"device_open", "query_nodes", "compile", "prepare", "context_create", "fence_create",
                        "buffer_import", "bind", "submit", "execute", "fence_wait", "collect"})
    out.push_back({"shared", f});
  for (const char* f :
       {"buffer_allocate", "bind", "copy", "submit", "execute", "transfer", "fence_wait", "collect"})
    out.push_back({"device", f});
  return out;
}

class FaultAt : public ::testing::TestWithParam<Place> {
 protected:
  FaultAt() : function(GetParam().function) { devices.add("dev", GetParam().memory); }
  Rig rig(const std::string& fault, const std::string& stall_ms = "0") {
    return Rig(devices, "dev", small(devices.runtime()), {{"fault", fault}, {"stall_ms", stall_ms}});
  }
  // Where the host hears of it: of what the queue does, when it waits.
  std::string heard_at() const {
    return function == "execute" || function == "transfer" ? "fence_wait" : function;
  }

  FaultDevices devices;
  std::string function;
};

TEST_P(FaultAt, FailIsAnErrorOfThatCallAlone) {
  for (const auto& [kind, code] : {std::pair("fail", HRT_ERROR_INTERNAL), {"memory", HRT_ERROR_MEMORY}}) {
    {
      Rig r = rig(function + ":1:" + kind);
      const Rig::Call call = r.tour(kIn);
      EXPECT_EQ(call.function, heard_at());
      EXPECT_EQ(call.failure.code, code);
      EXPECT_EQ(call.failure.message, function + " number 1 fails, as it was told to");
      if (r.device) r.call("query_nodes", r.api.query_nodes(r.device, &r.graph(), nullptr, 0, 0));
    }
    expect_nothing_left(devices);
  }
}

TEST_P(FaultAt, ComesAtNoOtherCall) {
  {
    Rig r = rig(function + ":3:fail");
    EXPECT_EQ(r.tour(kIn).function, "");
    EXPECT_EQ(r.output(0), kOut);
  }
  expect_nothing_left(devices);
}

TEST_P(FaultAt, LoseTakesTheDeviceForGood) {
  {
    Rig r = rig(function + ":1:lose");
    const Rig::Call call = r.tour(kIn);
    // A device that is lost while work is queued tells it to the next who asks.
    EXPECT_NE(call.function, "");
    EXPECT_EQ(call.failure.code, HRT_ERROR_DEVICE_LOST) << call.function;
    EXPECT_NE(call.failure.message.find("dev is lost"), std::string::npos) << call.failure.message;
    if (r.device) {
      hrt_executable* executable = nullptr;
      EXPECT_EQ(test::ended(r.api.compile(r.device, &r.graph(), &executable)).code, HRT_ERROR_DEVICE_LOST);
      EXPECT_EQ(executable, nullptr);
    }
  }
  expect_nothing_left(devices);
}

TEST_P(FaultAt, StallLastsForItsTimeAndThenAllIsWell) {
  {
    Rig r = rig(function + ":1:stall", "60");
    const auto begin = Clock::now();
    const Rig::Call call = r.tour(kIn);
    EXPECT_GE(Clock::now() - begin, milliseconds(60));
    EXPECT_EQ(call.function, "") << call.failure.message;
    EXPECT_EQ(r.output(0), kOut);
  }
  expect_nothing_left(devices);
}

TEST_P(FaultAt, StallEndsWhenItIsReleased) {
  const fault::Control& control = devices.control("dev");
  {
    Rig r = rig(function + ":1:stall");
    Rig::Call call{"never returned", {}};
    std::thread host([&] { call = r.tour(kIn); });
    while (control.stalled() == 0) std::this_thread::sleep_for(milliseconds(1));
    EXPECT_EQ(call.function, "never returned");
    control.release_stalled();
    host.join();
    EXPECT_EQ(call.function, "") << call.failure.message;
    EXPECT_EQ(r.output(0), kOut);
  }
  expect_nothing_left(devices);
}

INSTANTIATE_TEST_SUITE_P(Every, FaultAt, ::testing::ValuesIn(places()), [](const auto& info) {
  return std::string(info.param.memory) + "_" + info.param.function;
});

// A host that gives a silent device up destroys what it has, with work in the queue, and gets through.
TEST(Fault, AStalledDeviceCanBeGivenUp) {
  for (const auto& [memory, function] : {std::pair("shared", "submit"),
                                         {"shared", "execute"},
                                         {"device", "copy"},
                                         {"device", "submit"},
                                         {"device", "execute"},
                                         {"device", "transfer"}}) {
    FaultDevices devices;
    devices.add("dev", memory);
    {
      Rig r(devices, "dev", small(devices.runtime()), {{"fault", std::string(function) + ":1:stall"}});
      r.set_up();
      r.upload(kIn);
      r.submit();
      r.download();
      EXPECT_FALSE(r.wait(50)) << memory << " " << function;
      EXPECT_GT(devices.alive("dev").submissions, 0u);
    }
    expect_nothing_left(devices);
  }
}

TEST(Fault, WhatWasQueuedOnALostDeviceNeverEnds) {
  FaultDevices devices;
  devices.add("dev", "device", {});
  {
    Rig r(devices, "dev", small(devices.runtime()), {{"fault", "execute:2:lose"}});
    ASSERT_EQ(r.tour(kIn).function, "");
    hrt_code code = HRT_OK;
    try {
      r.upload({{5, 6}});
      r.submit();
      r.download();  // comes before or after the loss
      r.wait();
    } catch (const Rig::Call& call) {
      code = call.failure.code;
    }
    EXPECT_EQ(code, HRT_ERROR_DEVICE_LOST);
    EXPECT_EQ(r.output(0), kOut) << "the download of the first run";
  }
  expect_nothing_left(devices);
}

TEST(Fault, OfDestroyingStallsOrLosesAndDestroysAllTheSame) {
  for (const char* function : {"context_destroy", "prepared_destroy", "executable_destroy", "fence_destroy",
                               "buffer_release", "device_close"}) {
    FaultDevices devices;
    devices.add("dev", "shared");
    for (const std::string kind : {"lose", "stall"}) {
      const auto begin = Clock::now();
      {
        Rig r(devices, "dev", small(devices.runtime()),
              {{"fault", std::string(function) + ":1:" + kind}, {"stall_ms", "20"}});
        EXPECT_EQ(r.tour(kIn).function, "");
      }
      if (kind == "stall") {
        EXPECT_GE(Clock::now() - begin, milliseconds(20)) << function;
      }
      expect_nothing_left(devices);
    }
    EXPECT_EQ(devices.control("dev").calls("device_close"), 2u);
  }
}

TEST(Fault, OnwardsComesAtEveryCallFromItsOwn) {
  FaultDevices devices;
  devices.add("dev", "host");
  Rig r(devices, "dev", small(devices.runtime()), {{"fault", "run:2+:fail, compile:9:lose"}});
  ASSERT_EQ(r.tour(kIn).function, "");
  for (int i = 0; i < 3; ++i) EXPECT_THROW(r.run(kIn), Rig::Call);
  EXPECT_EQ(devices.control("dev").calls("run"), 4u);
  EXPECT_EQ(devices.control("dev").calls("no such function"), 0u);
}

TEST(Fault, DevicesOfOtherNamesAreNotConcerned) {
  FaultDevices devices;
  devices.add("left", "device");
  devices.add("right", "device");
  Rig left(devices, "left", small(devices.runtime()), {{"fault", "submit:1:lose"}});
  Rig right(devices, "right", small(devices.runtime()));
  EXPECT_EQ(left.tour(kIn).failure.code, HRT_ERROR_DEVICE_LOST);
  EXPECT_EQ(right.tour(kIn).function, "");
  EXPECT_EQ(devices.control("right").calls("submit"), 1u);
}

TEST(Fault, WhatIsAliveAtShutdownIsReported) {
  FaultDevices devices;
  devices.add("dev", "device");
  const hrt_backend_api& api = devices.api("dev");
  const hrt_options none{sizeof(hrt_options), nullptr, nullptr, 0};
  hrt_device* device = nullptr;
  hrt_buffer* buffer = nullptr;
  ASSERT_EQ(test::ended(api.device_open(0, &none, &device)).code, HRT_OK);
  ASSERT_EQ(test::ended(api.buffer_allocate(device, 64, &buffer)).code, HRT_OK);
  EXPECT_EQ(devices.alive("dev").buffers, 1u);
  ::testing::internal::CaptureStderr();
  devices.end();
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("still alive at shutdown: 1 devices, 1 buffers"), std::string::npos) << log;
  api.buffer_release(buffer);  // the library stays mapped
  api.device_close(device);
}

TEST(Fault, InASessionIsTheErrorOfTheRequest) {
  FaultDevices devices;
  devices.add("dev", "host", {{"fault", "run:2:lose"}});
  Session session(devices.runtime(), small(devices.runtime()), test::on("dev"));
  const auto request = session.make_request();
  request->set_input(0, test::floats({2}, kIn[0]));
  request->run();
  EXPECT_EQ(test::floats_of(request->output(0)), kOut);
  EXPECT_EQ(test::failure_of([&] { request->run(); }).code, HRT_ERROR_DEVICE_LOST);
}

}  // namespace
}  // namespace hrt
