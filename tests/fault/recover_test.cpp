// SPDX-License-Identifier: Apache-2.0
// That a session answers its requests whatever one of its devices does.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <set>
#include <thread>

#include "tests/core/builder.h"
#include "tests/fault/devices.h"
#include "tests/fault/left.h"

namespace hrt {
namespace {

using std::chrono::milliseconds;
using test::Builder;
using test::FaultDevices;

constexpr int kElements = 4;
const std::vector<float> kIn = {3, -1, 0.5, -2};
// relu(x * 2 + x), and its negation, by hand.
const std::vector<float> kOut = {9, 0, 1.5, 0}, kNegated = {-9, 0, -1.5, 0};

std::unique_ptr<Graph> model(Runtime& runtime) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {kElements}));
  const ValueId two = b.constant(test::floats({kElements}, {2, 2, 2, 2}));
  const ValueId y = b.node("Relu", {b.node("Add", {b.node("Mul", {x, two}), x})});
  b.outputs({y, b.node("Neg", {y})});
  return b.finish_in(runtime);
}

SessionOptions on(std::vector<std::string> devices) {
  SessionOptions options;
  options.devices = std::move(devices);
  options.threads = 2;
  return options;
}

void run(Request& request, Trace* trace = nullptr) {
  request.set_input(0, test::floats({kElements}, kIn));
  RunOptions options;
  options.trace = trace;
  request.run(options);
  EXPECT_EQ(test::floats_of(request.output(0)), kOut);
  EXPECT_EQ(test::floats_of(request.output(1)), kNegated);
}

// What is given back to a device goes through its queue.
void expect_nothing_left(FaultDevices& devices, const std::string& name) {
  fault::Alive alive{};
  for (int i = 0; i < 1000; ++i) {
    alive = devices.alive(name);
    if (alive.executables + alive.prepared + alive.contexts + alive.buffers + alive.fences == 0) break;
    std::this_thread::sleep_for(milliseconds(5));
  }
  test::expect_all_given_back(alive);
  EXPECT_EQ(devices.control(name).misuses(), 0u);
}

bool is_used(const Session& session, const std::string& device) {
  for (const Placement& p : session.placement())
    if (p.device == device) return true;
  return false;
}

struct Case {
  const char* memory;
  const char* function;
  const char* kind;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.memory << " " << c.function << " " << c.kind;
}

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const char* kind : {"fail", "lose", "stall"}) {
    const bool stalls = std::string(kind) == "stall";
    for (const char* f : {"device_open", "query_nodes", "compile", "prepare", "context_create", "run"})
      if (!stalls) out.push_back({"host", f, kind});  // it runs on the host's threads: nobody could go on
    for (const char* f : {"device_open", "query_nodes", "compile", "prepare", "context_create",
                          "fence_create", "bind", "submit", "execute", "fence_wait", "collect"})
      for (const char* memory : {"shared", "device"}) out.push_back({memory, f, kind});
    out.push_back({"shared", "buffer_import", kind});
    for (const char* f : {"buffer_allocate", "copy", "transfer"}) out.push_back({"device", f, kind});
  }
  return out;
}

class RecoverFrom : public ::testing::TestWithParam<Case> {};

TEST_P(RecoverFrom, AnotherDeviceAnswersAndNothingIsLeft) {
  const Case& c = GetParam();
  const std::string function = c.function;
  FaultDevices devices;
  devices.set_timeout(milliseconds(40));
  devices.add("dev", c.memory, {{"fault", function + ":1:" + c.kind}});
  Runtime& runtime = devices.runtime();
  {
    Session session(runtime, model(runtime), on({"dev"}));
    const auto request = session.make_request();
    Trace trace;
    run(*request, &trace);
    EXPECT_FALSE(is_used(session, "dev"));
    const auto events = trace.events();
    const bool early = std::set<std::string>{"device_open", "query_nodes", "compile"}.contains(function);
    EXPECT_EQ(std::ranges::any_of(
                  events, [](const TraceEvent& e) { return e.device == "dev" && e.category == "taken out"; }),
              !early)
        << "the request did not run on it";
    // Later requests, of this one and of others, leave it alone.
    const uint64_t calls = devices.control("dev").calls("submit") + devices.control("dev").calls("run");
    run(*request);
    run(*session.make_request());
    EXPECT_EQ(devices.control("dev").calls("submit") + devices.control("dev").calls("run"), calls);
    devices.control("dev").release_stalled();
  }
  expect_nothing_left(devices, "dev");
}

INSTANTIATE_TEST_SUITE_P(Every, RecoverFrom, ::testing::ValuesIn(cases()), [](const auto& info) {
  std::string name = std::string(info.param.memory) + "_" + info.param.function + "_" + info.param.kind;
  return name;
});

class Fault : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Memory, Fault, ::testing::Values("shared", "device"));

TEST_P(Fault, NoneRunsOnTheDevice) {
  FaultDevices devices;
  devices.add("dev", GetParam());
  Runtime& runtime = devices.runtime();
  {
    Session session(runtime, model(runtime), on({"dev"}));
    const auto request = session.make_request();
    for (int i = 0; i < 100; ++i) run(*request);
    EXPECT_TRUE(is_used(session, "dev"));
    EXPECT_EQ(devices.control("dev").calls("submit"), 100u);
  }
  expect_nothing_left(devices, "dev");
}

TEST_P(Fault, InTheMiddleOfManyRequestsFailsNone) {
  FaultDevices devices;
  devices.set_timeout(milliseconds(500));
  devices.add("dev", GetParam(), {{"fault", "execute:40:lose"}, {"delay_us", "200"}});
  Runtime& runtime = devices.runtime();
  {
    Session session(runtime, model(runtime), on({"dev"}));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        const auto request = session.make_request();
        for (int i = 0; i < 30; ++i) run(*request);
      });
    for (std::thread& t : threads) t.join();
    EXPECT_FALSE(is_used(session, "dev"));
  }
  expect_nothing_left(devices, "dev");
}

TEST_P(Fault, OfTheOnlyDeviceThatMayRunIsTheError) {
  FaultDevices devices;
  devices.add("dev", GetParam(), {{"fault", "execute:1:lose"}});
  Runtime& runtime = devices.runtime();
  SessionOptions options = on({"dev"});
  options.fallback = Fallback::kDeny;
  Session session(runtime, model(runtime), options);
  const auto request = session.make_request();
  request->set_input(0, test::floats({kElements}, kIn));
  const test::Failure failure = test::failure_of([&] { request->run(); });
  EXPECT_EQ(failure.code, HRT_ERROR_DEVICE_LOST);
  EXPECT_NE(failure.message.find("dev"), std::string::npos) << failure.message;
}

TEST_P(Fault, LostDeviceIsNotUsedByOtherSessions) {
  FaultDevices devices;
  devices.add("dev", GetParam(), {{"fault", "execute:1:lose"}});
  Runtime& runtime = devices.runtime();
  Session first(runtime, model(runtime), on({"dev"})), second(runtime, model(runtime), on({"dev"}));
  run(*first.make_request());
  run(*second.make_request());
  EXPECT_FALSE(is_used(second, "dev"));
  Session third(runtime, model(runtime), on({"dev"}));
  EXPECT_FALSE(is_used(third, "dev"));
  run(*third.make_request());
}

TEST_P(Fault, NotEnoughMemoryMovesTheModelButKeepsTheDevice) {
  FaultDevices devices;
  devices.add("dev", GetParam(), {{"fault", "context_create:1:memory"}});
  Runtime& runtime = devices.runtime();
  Session session(runtime, model(runtime), on({"dev"}));
  run(*session.make_request());
  EXPECT_FALSE(is_used(session, "dev"));
  Session other(runtime, model(runtime), on({"dev"}));
  run(*other.make_request());
  EXPECT_TRUE(is_used(other, "dev"));
}

// y = neg(relu(x)) on two devices: one makes relu, the other neg.
class TwoDevices : public ::testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  std::unique_ptr<Graph> chain(Runtime& runtime) {
    Builder b;
    const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {kElements}));
    b.outputs({b.node("Neg", {b.node("Relu", {x})})});
    return b.finish_in(runtime);
  }
};
INSTANTIATE_TEST_SUITE_P(Memory, TwoDevices,
                         ::testing::Values(std::pair("shared", "shared"), std::pair("shared", "device"),
                                           std::pair("device", "shared"), std::pair("device", "device"),
                                           std::pair("host", "device"), std::pair("device", "host")));

TEST_P(TwoDevices, HandOnValuesAndListEveryTransfer) {
  FaultDevices devices;
  devices.add("one", GetParam().first, {{"takes", "Relu"}, {"delay_us", "500"}});
  devices.add("two", GetParam().second, {{"takes", "Neg"}, {"delay_us", "500"}});
  Runtime& runtime = devices.runtime();
  Session session(runtime, chain(runtime), on({"one", "two"}));
  const auto request = session.make_request();
  for (int i = 0; i < 5; ++i) {
    request->set_input(0, test::floats({kElements}, {float(i), -1, 2, -3}));
    request->run();
    EXPECT_EQ(test::floats_of(request->output(0)), (std::vector<float>{-float(i), 0, -2, 0}));
  }
  const std::vector<Type> types = {Type::tensor(HRT_FLOAT32, {kElements})};
  const MemoryReport report = session.memory(types);
  const auto own = [](const char* memory) { return std::string(memory) == "device"; };
  std::vector<std::string> expected, found;
  if (std::string(GetParam().first) != "host") expected.emplace_back("host > one");
  if (own(GetParam().first)) expected.emplace_back("one > host");
  if (own(GetParam().second)) expected.insert(expected.end(), {"host > two", "two > host"});
  for (const auto& t : report.transfers) {
    found.push_back(t.from + " > " + t.to);
    EXPECT_EQ(t.bytes, kElements * sizeof(float));
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(devices.control("one").misuses() + devices.control("two").misuses(), 0u);
}

TEST_P(TwoDevices, OverlapOnTwoRequests) {
  if (std::string(GetParam().first) == "host" || std::string(GetParam().second) == "host")
    GTEST_SKIP() << "a device without a queue takes a thread of the host's for itself";
  FaultDevices devices;
  devices.add("one", GetParam().first, {{"takes", "Relu"}, {"delay_us", "3000"}});
  devices.add("two", GetParam().second, {{"takes", "Neg"}, {"delay_us", "3000"}});
  Runtime& runtime = devices.runtime();
  SessionOptions options = on({"one", "two"});
  options.threads = 1;
  Session session(runtime, chain(runtime), options);
  Trace trace;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      const auto request = session.make_request();
      request->set_input(0, test::floats({kElements}, kIn));
      RunOptions run;
      run.trace = &trace;
      for (int i = 0; i < 10; ++i) request->run(run);
    });
  for (std::thread& t : threads) t.join();
  const auto events = trace.events();
  const auto overlap = [&](const TraceEvent& a) {
    return a.category == "execute" && a.device == "one" &&
           std::ranges::any_of(events, [&](const TraceEvent& b) {
             return b.category == "execute" && b.device == "two" && a.request != b.request &&
                    a.begin_ns < b.end_ns && b.begin_ns < a.end_ns;
           });
  };
  EXPECT_GT(std::ranges::count_if(events, overlap), 0);
}

}  // namespace
}  // namespace hrt
