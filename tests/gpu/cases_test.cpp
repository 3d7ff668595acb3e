// SPDX-License-Identifier: Apache-2.0
// The operators of com.microsoft on GPU backends, on the cases of tests/ops/cases: ONNX's own test data,
// which hrt-run verify takes, has none of them.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/core/builder.h"
#include "tests/ops/op_test.h"

namespace hrt::test {
namespace {

constexpr const char* kOperators[] = {"Attention",
                                      "BiasGelu",
                                      "DequantizeLinear",
                                      "DynamicQuantizeMatMul",
                                      "EmbedLayerNormalization",
                                      "FastGelu",
                                      "FusedConv",
                                      "FusedGemm",
                                      "FusedMatMul",
                                      "Gelu",
                                      "GroupQueryAttention",
                                      "MatMulIntegerToFloat",
                                      "MatMulNBits",
                                      "MultiHeadAttention",
                                      "QGemm",
                                      "QLinearAdd",
                                      "QLinearAveragePool",
                                      "QLinearConcat",
                                      "QLinearGlobalAveragePool",
                                      "QLinearLeakyRelu",
                                      "QLinearMul",
                                      "QLinearSigmoid",
                                      "QLinearSoftmax",
                                      "QLinearWhere",
                                      "QuantizeLinear",
                                      "QuickGelu",
                                      "RotaryEmbedding",
                                      "SkipLayerNormalization",
                                      "SkipSimplifiedLayerNormalization"};

const std::vector<OpCase>& cases() {
  static const std::vector<OpCase> all = [] {
    std::vector<OpCase> list;
    for (const auto& entry : std::filesystem::directory_iterator(HRT_CASES_DIR))
      if (entry.path().extension() == ".txt")
        for (OpCase& c : read_cases(entry.path()))
          if (c.domain == "com.microsoft") list.push_back(std::move(c));
    return list;
  }();
  return all;
}

struct Param {
  const char* device;
  const char* op;
};

class MicrosoftOperator : public testing::TestWithParam<Param> {
 protected:
  void SetUp() override {
    const char* name = GetParam().device;
    if (std::ranges::none_of(runtime().devices(), [&](const Device* d) { return d->name() == name; }))
      GTEST_SKIP() << "no " << name << " device is here";
  }

  // Runs a case on the device alone. constants: all inputs but the first are weights.
  static Failure run(const OpCase& c, bool constants, std::vector<ValuePtr>& got) {
    Builder b;
    std::vector<ValueId> inputs;
    std::vector<ValuePtr> given;
    for (const Tensor& t : c.inputs) {
      const bool constant = constants && !inputs.empty();
      if (t.empty()) {
        inputs.push_back(HRT_NONE);
      } else if (constant) {
        inputs.push_back(b.constant(make_value(t)));
      } else {
        inputs.push_back(b.input("in" + std::to_string(inputs.size()), t.type()));
        given.push_back(make_value(t));
      }
    }
    std::vector<Transaction::Output> outputs;
    for (const Tensor& t : c.expected)
      outputs.push_back({"out" + std::to_string(outputs.size()), !t.empty()});
    if (outputs.empty()) outputs.push_back({"out", true});
    const NodeId node = b.transaction().add_node(c.domain, c.op, "node", inputs, outputs, c.attributes);
    std::vector<ValueId> results;
    for (const ValueId v : b.transaction().graph().node(node).outputs)
      if (v != HRT_NONE) results.push_back(v);
    b.outputs(results);

    SessionOptions options;
    options.devices = {GetParam().device};
    options.fallback = Fallback::kDeny;
    options.optimise = false;
    return failure_of([&] { got = run_once(b.finish(), given, options); });
  }

  // False: the device refuses this node.
  static bool agrees(const OpCase& c, bool constants) {
    std::vector<ValuePtr> got;
    const Failure failure = run(c, constants, got);
    if (failure.code == HRT_ERROR_UNSUPPORTED) return false;
    EXPECT_EQ(failure.code, HRT_OK) << failure.message;
    std::vector<Tensor> expected;
    for (const Tensor& t : c.expected)
      if (!t.empty()) expected.push_back(t);
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_EQ(compare(got[i]->tensor, expected[i], c.relative, c.absolute), "") << "output " << i;
    return true;
  }
};

TEST_P(MicrosoftOperator, GivesOnTheDeviceWhatItsCasesSay) {
  size_t ran = 0;
  for (const OpCase& c : cases()) {
    if (c.op != GetParam().op || !c.error.empty()) continue;
    for (const bool constants : {false, true}) {
      SCOPED_TRACE(testing::Message() << c.name << (constants ? ", with weights" : ""));
      ran += agrees(c, constants);
    }
  }
  EXPECT_GT(ran, 0U) << "the device refuses every case";
}

TEST_P(MicrosoftOperator, RefusesWhatTheReferenceRefuses) {
  for (const OpCase& c : cases()) {
    if (c.op != GetParam().op || c.error.empty()) continue;
    SCOPED_TRACE(c.name);
    std::vector<ValuePtr> got;
    const Failure failure = run(c, false, got);
    EXPECT_TRUE(failure.code == HRT_ERROR_BAD_DATA || failure.code == HRT_ERROR_UNSUPPORTED)
        << failure.code << " " << failure.message;
  }
}

std::vector<Param> params() {
  std::vector<Param> list;
  for (const char* device : {"vulkan", "opencl"})
    for (const char* op : kOperators) list.push_back({device, op});
  return list;
}
INSTANTIATE_TEST_SUITE_P(Gpu, MicrosoftOperator, testing::ValuesIn(params()), [](const auto& info) {
  return std::string(info.param.device) + "_" + info.param.op;
});

}  // namespace
}  // namespace hrt::test
