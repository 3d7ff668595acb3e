// SPDX-License-Identifier: Apache-2.0
// Plugins that load, and then get it wrong: clear errors, graphs that stay as they were, no crash.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "core/pass/pipeline.h"
#include "tests/abi/plugins.h"
#include "tests/core/builder.h"

namespace hrt {
namespace {

namespace fs = std::filesystem;
using test::failure_of;
using test::floats;
using test::floats_of;
using test::on;
using test::PluginFolder;
using test::small_graph;

struct Misbehaviour : ::testing::Test {
  PluginFolder folder;
};

// How compiling and running on the misbehaving device NAME ends.
test::Failure run_on(const PluginFolder& folder, const std::string& name) {
  const auto runtime = folder.runtime();
  return failure_of([&] {
    Session session(*runtime, small_graph(*runtime), on(name));
    const auto request = session.make_request();
    request->set_input(0, floats({10}, std::vector<float>(10, 2.0f)));
    request->run();
  });
}

TEST_F(Misbehaviour, OfABackendIsAnErrorThatNamesTheDeviceAndTheNodes) {
  const std::map<std::string, std::vector<const char*>> cases = {
      {"query_fails", {"query_fails", "no idea"}},
      {"open_fails", {"open_fails", "somebody else has it"}},
      {"compile_fails", {"compile_fails", "Relu", "on second thoughts, no"}},
      {"compile_gives_nothing", {"compile_gives_nothing", "Relu", "neither"}},
      {"prepare_fails", {"prepare_fails", "Relu", "an odd number of rows"}},
      {"prepare_gives_nothing", {"prepare_gives_nothing", "Relu", "neither"}},
      {"context_fails", {"context_fails", "Relu", "no more queues"}},
      {"run_fails", {"run_fails", "Relu", "it hung"}},
      {"ok_is_an_error", {"ok_is_an_error", "an error whose code is success"}},
      {"wants_everything", {"memory limit"}},
      {"endless_reason", {"endless_reason", "Relu", "xxxx"}},
  };
  for (const auto& [name, parts] : cases) folder.add(name);
  for (const auto& [name, parts] : cases) {
    const auto failure = run_on(folder, name);
    EXPECT_NE(failure.code, HRT_OK) << name;
    for (const char* part : parts)
      EXPECT_NE(failure.message.find(part), std::string::npos) << name << ": " << failure.message;
  }
}

// y = 40 + Relu(x) in the place of Neg(Relu(x)): whose kernel ran is seen in the answer.
TEST_F(Misbehaviour, AKernelForTheCpuBackendIsAskedBeforeItsOwnAndMayRefuse) {
  folder.add("kernels", {{"kinds", R"(["extension"])"}});
  const auto runtime = folder.runtime();
  Session session(*runtime, small_graph(*runtime), on("cpu"));
  const auto request = session.make_request();
  request->set_input(0, floats({10}, {-1, 2, -1, 2, -1, 2, -1, 2, -1, 2}));
  request->run();
  EXPECT_EQ(floats_of(request->output(0)), (std::vector<float>{40, 42, 40, 42, 40, 42, 40, 42, 40, 42}));
}

TEST_F(Misbehaviour, OfAKernelForTheCpuBackendIsAnErrorThatNamesTheNode) {
  const std::map<std::string, const char*> cases = {{"kernel_compile_fails", "no room for weights"},
                                                    {"kernel_prepare_fails", "an odd number of columns"},
                                                    {"kernel_run_fails", "cannot bear negative numbers"}};
  for (const auto& [name, reason] : cases) {
    PluginFolder alone;
    alone.add(name, {{"kinds", R"(["extension"])"}});
    const auto failure = run_on(alone, "cpu");
    EXPECT_NE(failure.code, HRT_OK) << name;
    for (const char* part : {"Neg", reason})
      EXPECT_NE(failure.message.find(part), std::string::npos) << name << ": " << failure.message;
  }
}

TEST_F(Misbehaviour, OfABackendKeepsItsCodes) {
  folder.add("run_fails");
  folder.add("context_fails");
  folder.add("ok_is_an_error");
  EXPECT_EQ(run_on(folder, "run_fails").code, HRT_ERROR_DEVICE_LOST);
  EXPECT_EQ(run_on(folder, "context_fails").code, HRT_ERROR_MEMORY);
  EXPECT_EQ(run_on(folder, "ok_is_an_error").code, HRT_ERROR_INTERNAL);
}

TEST_F(Misbehaviour, OfABackendThatCannotBeListedLeavesTheOthers) {
  folder.add("count_fails");
  folder.add("short_backend");
  const auto runtime = folder.runtime();
  ::testing::internal::CaptureStderr();
  std::set<std::string> names;
  for (const auto& device : runtime->devices()) names.insert(device->name());
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(names.contains("reference"));
  EXPECT_FALSE(names.contains("count_fails"));
  EXPECT_NE(log.find("the bus is gone"), std::string::npos) << log;
  EXPECT_NE(log.find("test.short_backend"), std::string::npos) << log;
}

TEST_F(Misbehaviour, OfAPassIsRolledBackAndLogged) {
  folder.add("bad_passes");
  const auto runtime = folder.runtime();
  std::set<std::string> names;
  for (const PassInfo& p : list_passes(runtime->registry())) names.insert(p.pass->name);
  EXPECT_FALSE(names.contains("no_function"));
  EXPECT_FALSE(names.contains("short"));
  for (const char* pass :
       {"cycle", "remove_used", "unknown_op", "wrong_type", "drop_outputs", "no_such_ids", "gives_up"}) {
    const auto graph = small_graph(*runtime);
    const std::string before = to_text(*graph);
    PipelineOptions options;
    options.passes = {pass};
    ::testing::internal::CaptureStderr();
    const auto log = run_passes(runtime->registry(), *graph, options);
    const std::string warnings = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(to_text(*graph), before) << pass;
    EXPECT_TRUE(log.empty()) << pass;
    EXPECT_NE(warnings.find(fmt::format("{} at Neg", pass)), std::string::npos) << pass << ": " << warnings;
    EXPECT_NE(warnings.find("rolled back"), std::string::npos) << warnings;
    EXPECT_NO_THROW(verify_structure(*graph));
  }
}

TEST_F(Misbehaviour, OfAPassThatOnlySaysItChangedSomethingEnds) {
  folder.add("bad_passes");
  const auto runtime = folder.runtime();
  const auto graph = small_graph(*runtime);
  PipelineOptions options;
  options.passes = {"lie"};
  EXPECT_TRUE(run_passes(runtime->registry(), *graph, options).empty());
}

TEST_F(Misbehaviour, OfAllPassesTogetherLeavesAModelThatRuns) {
  folder.add("bad_passes");
  const auto runtime = folder.runtime();
  SessionOptions options = on("reference");
  options.optimise = true;
  ::testing::internal::CaptureStderr();
  Session session(*runtime, small_graph(*runtime), options);
  ::testing::internal::GetCapturedStderr();
  const auto request = session.make_request();
  request->set_input(0, floats({10}, std::vector<float>(10, 2.0f)));
  request->run();
  EXPECT_EQ(floats_of(request->output(0)), std::vector<float>(10, -2.0f));
}

TEST_F(Misbehaviour, OfIncompleteOperatorsLeavesThemOutAndKeepsTheGoodOnes) {
  folder.add("bad_ops");
  folder.add("no_ops");
  const auto runtime = folder.runtime();
  ::testing::internal::CaptureStderr();
  auto& registry = runtime->registry();
  registry.load_all();
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(registry.find_op("test", "WritesNothing"), nullptr);
  for (const char* name :
       {"Nameless", "Typeless", "ShortParam", "NoInputs", "NoInfer", "Short", "BadAttr", "BadConstraint"}) {
    EXPECT_EQ(registry.find_op("test", name), nullptr) << name;
    EXPECT_NE(log.find(name), std::string::npos) << log;
  }
  EXPECT_NE(log.find("the first one stays"), std::string::npos) << log;
  EXPECT_NE(log.find("test.no_ops"), std::string::npos) << log;
  EXPECT_NE(registry.find_op("", "Relu"), nullptr);
}

TEST_F(Misbehaviour, OfKernelsIsAnErrorThatNamesTheNode) {
  folder.add("bad_ops");
  const auto runtime = folder.runtime();
  for (const auto& [op, part] :
       {std::pair("WritesNothing", "did not write output 0"), {"WritesTooMuch", "inference promised"}}) {
    test::Builder b;
    const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {4}));
    const NodeId id = b.transaction().add_node("test", op, "culprit", {x}, {{"y"}}, {});
    b.outputs({b.transaction().graph().node(id).outputs[0]});
    Session session(*runtime, b.finish_in(*runtime), on("reference"));
    const auto request = session.make_request();
    request->set_input(0, floats({4}, {1, 2, 3, 4}));
    const auto failure = failure_of([&] { request->run(); });
    EXPECT_EQ(failure.code, HRT_ERROR_INTERNAL);
    EXPECT_NE(failure.message.find("culprit"), std::string::npos) << failure.message;
    EXPECT_NE(failure.message.find(part), std::string::npos) << failure.message;
  }
}

TEST_F(Misbehaviour, PluginsLoadAgainInTheNextRuntimeOfTheProcess) {
  folder.add("well");
  for (int round = 0; round < 3; ++round) {
    const auto runtime = folder.runtime();
    for (const Plugin& p : runtime->registry().load_all())
      EXPECT_NE(p.state, PluginState::kRefused) << round << ": " << p.manifest.file << ": " << p.reason;
    EXPECT_FALSE(runtime->registry().importers().empty());
  }
}

TEST_F(Misbehaviour, PluginsAreShutDownOnceAndOnlyIfTheirInitSucceeded) {
  folder.add("init_fails");
  folder.add("well");
  const fs::path marker = folder.path() / "shutdowns";
  ::setenv("HRT_TEST_SHUTDOWN", marker.c_str(), 1);
  {
    const auto runtime = folder.runtime();
    runtime->registry().load_all();
    EXPECT_FALSE(fs::exists(marker));
  }
  ::unsetenv("HRT_TEST_SHUTDOWN");
  std::ifstream in(marker);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(text, "well\n");
}

}  // namespace
}  // namespace hrt
