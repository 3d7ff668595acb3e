// SPDX-License-Identifier: Apache-2.0
// The backend in C, through sessions.
#include <gtest/gtest.h>

#include "tests/abi/plugins.h"
#include "tests/core/builder.h"

namespace hrt {
namespace {

using test::Builder;
using test::floats;
using test::floats_of;
using test::on;
using test::PluginFolder;

struct CBackend : ::testing::Test {
  CBackend() {
    folder.add_library("c_backend", "c");
    folder.add_manifest("c", {{"provides", "\"c\""}});
    runtime = folder.runtime();
  }
  PluginFolder folder;
  std::unique_ptr<Runtime> runtime;
};

// relu(x + w) + x, in two nodes that the host keeps together, and a Neg that the backend does not take.
std::unique_ptr<Graph> mixed(Runtime& runtime) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {b.transaction().symbol("n"), 2}));
  const ValueId relu = b.node("Relu", {b.node("Add", {x, x})});
  b.outputs({b.node("Neg", {b.node("Add", {relu, x})}), relu});
  return b.finish_in(runtime);
}

TEST_F(CBackend, RunsWhatItTakesAndTheFallbackTheRest) {
  Session session(*runtime, mixed(*runtime), on("c", Fallback::kAllow));
  std::map<std::string, std::string> device;
  for (const Placement& row : session.placement()) device[row.op] = row.device;
  EXPECT_EQ(device["Add"], "c");
  EXPECT_EQ(device["Relu"], "c");
  EXPECT_EQ(device["Neg"], "reference");
  const auto request = session.make_request();
  for (const int64_t n : {1, 3, 1}) {
    std::vector<float> data, relu, out;
    for (int64_t i = 0; i < 2 * n; ++i) {
      data.push_back(float(i % 2 ? -i : i + 1));
      relu.push_back(std::max(0.0f, 2 * data.back()));
      out.push_back(-(relu.back() + data.back()));
    }
    request->set_input(0, floats({n, 2}, data));
    request->run();
    EXPECT_EQ(floats_of(request->output(0)), out);
    EXPECT_EQ(floats_of(request->output(1)), relu);
  }
}

TEST_F(CBackend, UsesTheThreadsOfTheHostAndReadsConstantsInPlace) {
  Builder b;
  const int64_t n = 100'000;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {n}));
  b.outputs({b.node("Add", {x, b.constant(floats({n}, std::vector<float>(size_t(n), 2.0f)))})});
  SessionOptions options = on("c");
  options.threads = 4;
  Session session(*runtime, b.finish_in(*runtime), options);
  const auto request = session.make_request();
  std::vector<float> data(size_t(n), 1.0f);
  request->set_input(0, floats({n}, data));
  for (int i = 0; i < 20; ++i) request->run();
  EXPECT_EQ(floats_of(request->output(0)), std::vector<float>(size_t(n), 3.0f));
}

// It says 1 us for each node it takes; the reference says less for so few elements, and gets what is left all
// the same.
TEST_F(CBackend, IsRankedAndSharesAModelByCost) {
  for (const Sharing sharing : {Sharing::kRanked, Sharing::kCost}) {
    SessionOptions options = on("reference", Fallback::kAllow);
    options.devices = {"reference", "c"};
    options.sharing = sharing;
    Session session(*runtime, mixed(*runtime), options);
    std::map<std::string, Placement> rows;
    for (const Placement& row : session.placement()) rows[row.op] = row;
    EXPECT_EQ(rows["Add"].device, "c");
    EXPECT_EQ(rows["Relu"].device, "c");
    EXPECT_EQ(rows["Neg"].device, "reference");
    ASSERT_EQ(rows["Neg"].refusals.size(), 1u);
    EXPECT_NE(rows["Neg"].refusals[0].reason.find("knows only Relu and Add"), std::string::npos);
    ASSERT_EQ(session.ranking().size(), sharing == Sharing::kRanked ? 1u : 0u);
    if (sharing == Sharing::kRanked) {
      EXPECT_EQ(session.ranking()[0].device, "c");
      EXPECT_EQ(session.ranking()[0].takes, 3u);
      EXPECT_EQ(session.ranking()[0].refuses, 1u);
    } else {
      EXPECT_EQ(rows["Relu"].why, "the only choice: 1.0 us");
    }
    const auto request = session.make_request();
    request->set_input(0, floats({1, 2}, {1, -2}));
    request->run();
    EXPECT_EQ(floats_of(request->output(0)), (std::vector<float>{-3, 2}));
  }
}

TEST_F(CBackend, ItsReasonsReachTheError) {
  const auto failure = test::failure_of([&] { Session(*runtime, mixed(*runtime), on("c")); });
  EXPECT_EQ(failure.code, HRT_ERROR_UNSUPPORTED);
  for (const char* part : {"Neg", "c: knows only Relu and Add"})
    EXPECT_NE(failure.message.find(part), std::string::npos) << failure.message;
}

TEST_F(CBackend, TracesItsNodes) {
  Session session(*runtime, mixed(*runtime), on("c", Fallback::kAllow));
  const auto request = session.make_request();
  request->set_input(0, floats({1, 2}, {1, 2}));
  Trace trace;
  request->run({std::nullopt, &trace});
  size_t on_c = 0;
  for (const TraceEvent& e : trace.events()) on_c += e.device == "c";
  EXPECT_EQ(on_c, 3u);
}

TEST_F(CBackend, OptionsThatItDoesNotKnowAreItsOwnError) {
  RuntimeOptions options;
  options.plugin_directories = default_plugin_directories();
  options.plugin_directories.push_back(folder.path());
  options.backend_options["c"]["speed"] = "high";
  runtime.reset();
  Runtime with_option(options);
  const auto failure =
      test::failure_of([&] { Session(with_option, mixed(with_option), on("c", Fallback::kAllow)); });
  EXPECT_EQ(failure.code, HRT_ERROR_USAGE);
  EXPECT_NE(failure.message.find("device c has no options"), std::string::npos) << failure.message;
}

// Run by itself, under the thread sanitizer, where it must fail.
TEST(RacingBackend, DISABLED_AddsUpWithoutALock) {
  PluginFolder folder;
  folder.add_library("racing_backend", "c");
  folder.add_manifest("c");
  const auto runtime = folder.runtime();
  Builder b;
  b.outputs({b.node("Relu", {b.input("x", Type::tensor(HRT_FLOAT32, {1'000'000}))})});
  SessionOptions options = on("c");
  options.threads = 4;
  Session session(*runtime, b.finish_in(*runtime), options);
  const auto request = session.make_request();
  request->set_input(0, floats({1'000'000}, std::vector<float>(1'000'000, 1.0f)));
  for (int i = 0; i < 50; ++i) request->run();
}

}  // namespace
}  // namespace hrt
