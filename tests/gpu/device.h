// SPDX-License-Identifier: Apache-2.0
// Tests of the GPU backends behind the runtime: once for each device, skipped where it is not there.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/core/builder.h"

namespace hrt::test {

class OnDevice : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto devices = runtime().devices();
    if (std::ranges::none_of(devices, [](const Device* d) { return d->name() == GetParam(); }))
      GTEST_SKIP() << "no " << GetParam() << " device is here";
  }
  static SessionOptions on_device() {
    SessionOptions options = on_reference();
    options.devices = {GetParam()};
    options.fallback = Fallback::kDeny;
    return options;
  }
};

// A graph of one node, called "culprit".
struct OneNode {
  const char* op;
  std::vector<ValuePtr> inputs;  // NULL: absent
  std::vector<Attribute> attributes = {};
  size_t outputs = 1;
  size_t constants = 0;  // so many of the last inputs are constants

  std::unique_ptr<Graph> graph() const {
    Builder b;
    std::vector<ValueId> in;
    for (size_t i = 0; i < inputs.size(); ++i)
      in.push_back(!inputs[i] ? ValueId(HRT_NONE)
                   : i + constants < inputs.size()
                       ? b.input("x" + std::to_string(i), inputs[i]->tensor.type())
                       : b.constant(inputs[i]));
    const NodeId id = b.node_id(op, in, attributes, outputs, "culprit");
    b.outputs(b.transaction().graph().node(id).outputs);
    return b.finish();
  }
  std::vector<ValuePtr> fed() const {
    std::vector<ValuePtr> values(inputs.begin(), inputs.end() - ptrdiff_t(constants));
    std::erase(values, nullptr);
    return values;
  }
};

// For INSTANTIATE_TEST_SUITE_P(Gpu, Suite, devices(), device_name).
inline auto devices() { return testing::Values("vulkan", "opencl"); }
inline std::string device_name(const testing::TestParamInfo<const char*>& info) { return info.param; }

}  // namespace hrt::test
