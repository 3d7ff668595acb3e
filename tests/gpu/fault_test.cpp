// SPDX-License-Identifier: Apache-2.0
// Data that an operator cannot take, met while a device computes: an error as the reference gives it.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/core/builder.h"

namespace hrt::test {
namespace {

class DeviceFault : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto devices = runtime().devices();
    if (std::ranges::none_of(devices, [](const Device* d) { return d->name() == GetParam(); }))
      GTEST_SKIP() << "no " << GetParam() << " device is here";
  }
  SessionOptions on_device() {
    SessionOptions options = on_reference();
    options.devices = {GetParam()};
    options.fallback = Fallback::kDeny;
    return options;
  }
};

struct Case {
  const char* op;
  std::vector<ValuePtr> inputs;
  std::vector<Attribute> attributes;
  std::string names;  // what the device's error must contain, beside the node
};

std::unique_ptr<Graph> graph_of(const Case& c) {
  Builder b;
  std::vector<ValueId> in;
  for (size_t i = 0; i < c.inputs.size(); ++i)
    in.push_back(b.input("x" + std::to_string(i), c.inputs[i]->tensor.type()));
  const NodeId id = b.node_id(c.op, in, c.attributes, 1, "culprit");
  b.outputs({b.transaction().graph().node(id).outputs[0]});
  return b.finish();
}

std::vector<Case> cases() {
  const ValuePtr x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  return {
      {"Gather", {x, ints({2}, {0, 2})}, {}, "outside the 2 elements of axis 0: element 1 of the indices"},
      {"Gather", {x, ints({1}, {-4})}, {{"axis", int64_t{1}}}, "outside the 3 elements of axis 1"},
      {"GatherElements", {x, ints({1, 3}, {0, 1, 2})}, {}, "element 2 of the indices"},
      {"GatherND", {x, ints({2, 2}, {1, 2, 0, 3})}, {}, "element 3 of the indices"},
      {"ScatterElements", {x, ints({1, 2}, {0, 5}), floats({1, 2}, {7, 8})}, {}, "element 1 of the indices"},
      {"ScatterND", {x, ints({1, 1}, {-3}), floats({1, 3}, {7, 8, 9})}, {}, "element 0 of the indices"},
      {"ReverseSequence", {x, ints({3}, {1, 3, 2})}, {}, "element 1 of sequence_lens"},
      {"Div", {ints({3}, {4, 5, 6}), ints({3}, {1, 1, 0})}, {}, "division by zero: element 2"},
      {"Mod", {ints({2}, {4, 5}), ints({}, {0})}, {}, "by zero: element 0"},
  };
}

TEST_P(DeviceFault, DataThatTheReferenceRefusesIsAnErrorOfTheSameKindThatNamesTheNode) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.op);
    const Failure expected = failure_of([&] { run_once(graph_of(c), c.inputs); });
    const Failure got = failure_of([&] { run_once(graph_of(c), c.inputs, on_device()); });
    EXPECT_NE(expected.code, HRT_OK);
    EXPECT_EQ(got.code, expected.code);
    EXPECT_NE(got.message.find(std::string(c.op) + " \"culprit\""), std::string::npos) << got.message;
    EXPECT_NE(got.message.find(c.names), std::string::npos) << got.message;
  }
}

TEST_P(DeviceFault, AfterAnErrorTheNextRunOfTheSameRequestIsJudgedAlone) {
  const Case bad{"Gather", {floats({3}, {1, 2, 3}), ints({2}, {0, 3})}, {}, ""};
  Session session(runtime(), graph_of(bad), on_device());
  const auto request = session.make_request();
  request->set_input(0, bad.inputs[0]);
  for (int round = 0; round < 2; ++round) {
    request->set_input(1, bad.inputs[1]);
    EXPECT_EQ(failure_of([&] { request->run(); }).code, HRT_ERROR_BAD_DATA);
    request->set_input(1, ints({2}, {2, -3}));
    EXPECT_EQ(failure_of([&] { request->run(); }).code, HRT_OK);
    EXPECT_EQ(floats_of(request->output(0)), (std::vector<float>{3, 1}));
  }
}

TEST_P(DeviceFault, IndicesThatAreKnownBeforeTheRunAreRefusedToo) {
  Builder b;
  const ValueId x = b.input("x", floats({3}, {1, 2, 3})->tensor.type());
  const NodeId id = b.node_id("Gather", {x, b.constant(ints({2}, {0, 3}))}, {}, 1, "culprit");
  b.outputs({b.transaction().graph().node(id).outputs[0]});
  const Failure got = failure_of([&] { run_once(b.finish(), {floats({3}, {1, 2, 3})}, on_device()); });
  EXPECT_EQ(got.code, HRT_ERROR_BAD_DATA);
  EXPECT_NE(got.message.find("index 3 is outside the 3 elements of axis 0"), std::string::npos)
      << got.message;
}

INSTANTIATE_TEST_SUITE_P(Gpu, DeviceFault, testing::Values("vulkan", "opencl"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace hrt::test
