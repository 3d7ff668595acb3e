// SPDX-License-Identifier: Apache-2.0
// Data that an operator cannot take, met while a device computes: an error as the reference gives it.
#include "tests/gpu/device.h"

namespace hrt::test {
namespace {

using DeviceFault = OnDevice;

struct Case {
  OneNode node;
  std::string names;  // what the device's error must contain, beside the node
};

std::vector<Case> cases() {
  const ValuePtr x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  const ValuePtr head = floats({1, 1, 2, 6}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  return {
      {{"Gather", {x, ints({2}, {0, 2})}}, "outside the 2 elements of axis 0: element 1 of the indices"},
      {{"Gather", {x, ints({1}, {-4})}, {{"axis", int64_t{1}}}}, "outside the 3 elements of axis 1"},
      {{"GatherElements", {x, ints({1, 3}, {0, 1, 2})}}, "element 2 of the indices"},
      {{"GatherND", {x, ints({2, 2}, {1, 2, 0, 3})}}, "element 3 of the indices"},
      {{"ScatterElements", {x, ints({1, 2}, {0, 5}), floats({1, 2}, {7, 8})}}, "element 1 of the indices"},
      {{"ScatterND", {x, ints({1, 1}, {-3}), floats({1, 3}, {7, 8, 9})}}, "element 0 of the indices"},
      {{"ReverseSequence", {x, ints({3}, {1, 3, 2})}}, "element 1 of sequence_lens"},
      {{"Div", {ints({3}, {4, 5, 6}), ints({3}, {1, 1, 0})}}, "division by zero: element 2"},
      {{"Mod", {ints({2}, {4, 5}), ints({}, {0})}}, "by zero: element 0"},
      {{"RotaryEmbedding", {head, x, x, ints({1, 2}, {0, 2})}},
       "outside the cache of 2: element 1 of the tokens"},
      {{"Attention", {head, head, head, nullptr, nullptr, nullptr, ints({1}, {3})}},
       "cache of 2 keys: element 0 of nonpad_kv_seqlen"},
  };
}

TEST_P(DeviceFault, DataThatTheReferenceRefusesIsAnErrorOfTheSameKindThatNamesTheNode) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.node.op);
    const Failure expected = failure_of([&] { run_once(c.node.graph(), c.node.fed()); });
    const Failure got = failure_of([&] { run_once(c.node.graph(), c.node.fed(), on_device()); });
    EXPECT_NE(expected.code, HRT_OK);
    EXPECT_EQ(got.code, expected.code);
    EXPECT_NE(got.message.find(std::string(c.node.op) + " \"culprit\""), std::string::npos) << got.message;
    EXPECT_NE(got.message.find(c.names), std::string::npos) << got.message;
  }
}

TEST_P(DeviceFault, AfterAnErrorTheNextRunOfTheSameRequestIsJudgedAlone) {
  const OneNode bad{"Gather", {floats({3}, {1, 2, 3}), ints({2}, {0, 3})}};
  Session session(runtime(), bad.graph(), on_device());
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
  const OneNode bad{"Gather", {floats({3}, {1, 2, 3}), ints({2}, {0, 3})}, {}, 1, 1};
  const Failure got = failure_of([&] { run_once(bad.graph(), bad.fed(), on_device()); });
  EXPECT_EQ(got.code, HRT_ERROR_BAD_DATA);
  EXPECT_NE(got.message.find("index 3 is outside the 3 elements of axis 0"), std::string::npos)
      << got.message;
}

INSTANTIATE_TEST_SUITE_P(Gpu, DeviceFault, devices(), device_name);

}  // namespace
}  // namespace hrt::test
