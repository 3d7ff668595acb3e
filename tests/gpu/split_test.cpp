// SPDX-License-Identifier: Apache-2.0
// Tensors longer than kernels of a device reach at once (option max_span), against the reference kernels.
#include <cstring>
#include <functional>
#include <numeric>
#include <random>

#include "tests/gpu/device.h"

namespace hrt::test {
namespace {

constexpr const char* kSpan = "65536";

Runtime& narrow() {
  static Runtime instance([] {
    RuntimeOptions options;
    options.plugin_directories = default_plugin_directories();
    for (const char* name : {"vulkan", "opencl"}) options.backend_options[name] = {{"max_span", kSpan}};
    return options;
  }());
  return instance;
}

ValuePtr draw(Dims dims, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> data(static_cast<size_t>(element_count(dims)));
  for (float& v : data) v = float(int(random() % 33) - 16) * 0.125F;
  return floats(std::move(dims), data);
}

class Split : public testing::TestWithParam<const char*> {
 protected:
  struct Outcome {
    std::vector<ValuePtr> outputs;
    std::vector<Placement> placement;
  };

  void SetUp() override {
    const auto devices = narrow().devices();
    if (std::ranges::none_of(devices, [](const Device* d) { return d->name() == GetParam(); }))
      GTEST_SKIP() << "no " << GetParam() << " device is here";
  }
  static SessionOptions on_device(Fallback fallback = Fallback::kDeny) {
    SessionOptions options = on_reference();
    options.devices = {GetParam()};
    if (fallback == Fallback::kAllow) options.devices.emplace_back("reference");
    options.fallback = fallback;
    return options;
  }

  // Adds nodes on the values of inputs, and gives the outputs. The last `constants` inputs are constants.
  using Body = std::function<std::vector<ValueId>(Builder&, const std::vector<ValueId>&)>;
  static Outcome run(const Body& body, const std::vector<ValuePtr>& inputs, size_t constants,
                     SessionOptions options) {
    Builder b;
    std::vector<ValueId> in;
    for (size_t i = 0; i < inputs.size(); ++i)
      in.push_back(i + constants < inputs.size() ? b.input("x" + std::to_string(i), inputs[i]->tensor.type())
                                                 : b.constant(inputs[i]));
    b.outputs(body(b, in));
    Session session(narrow(), b.finish_in(narrow()), std::move(options));
    const auto request = session.make_request();
    for (size_t i = 0; i + constants < inputs.size(); ++i) request->set_input(i, inputs[i]);
    request->run();
    Outcome outcome;
    for (size_t i = 0; i < session.outputs().size(); ++i) outcome.outputs.push_back(own(request->output(i)));
    outcome.placement = session.placement();
    return outcome;
  }

  static Body node(const char* op, const std::vector<Attribute>& attributes = {}) {
    return [op, attributes](Builder& b, const std::vector<ValueId>& in) {
      return std::vector{b.node(op, in, attributes)};
    };
  }

  // All numbers are eighths, and sums of their products exact: every order of them gives the same floats.
  static void expect_as_reference(const Body& body, const std::vector<ValuePtr>& inputs, size_t constants = 0,
                                  Fallback fallback = Fallback::kDeny) {
    const auto expected = run(body, inputs, constants, on_reference()).outputs,
               got = run(body, inputs, constants, on_device(fallback)).outputs;
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      const Tensor &a = got[i]->tensor, &b = expected[i]->tensor;
      ASSERT_EQ(a.bytes(), b.bytes());
      EXPECT_EQ(std::memcmp(a.data(), b.data(), a.bytes()), 0) << "output " << i;
    }
  }
};

TEST_P(Split, MatMulComputesColumnsOfEachPartOfItsWeights) {
  for (const int64_t columns : {int64_t{1000}, int64_t{1001}, int64_t{4099}})
    for (const int64_t rows : {int64_t{1}, int64_t{37}}) {
      SCOPED_TRACE(testing::Message() << rows << " x " << columns);
      expect_as_reference(node("MatMul"), {draw({rows, 48}, 1), draw({48, columns}, 2)}, 1);
      expect_as_reference(node("MatMul"), {draw({2, rows, 48}, 3), draw({48, columns}, 4)}, 1);
    }
}

TEST_P(Split, MatMulComputesBlocksOfRowsOfLongMatrices) {
  expect_as_reference(node("MatMul"), {draw({1500, 48}, 5), draw({48, 100}, 6)}, 1);
  expect_as_reference(node("MatMul"), {draw({700, 48}, 7), draw({48, 999}, 8)}, 1);
  expect_as_reference(node("MatMul"), {draw({9, 60, 40}, 9), draw({9, 40, 60}, 10)});
}

TEST_P(Split, GemmAddsItsBiasToEachPart) {
  const ValuePtr x = draw({21, 40}, 11), w = draw({40, 1003}, 12), t = draw({1003, 40}, 13);
  for (const Dims& shape : {Dims{1003}, Dims{1, 1003}, Dims{21, 1}, Dims{21, 1003}, Dims{1}})
    for (const float beta : {1.0F, 0.5F}) {
      SCOPED_TRACE(testing::Message() << "C of rank " << shape.size() << ", beta " << beta);
      const ValuePtr c = draw(shape, 14);
      expect_as_reference(node("Gemm", {{"beta", beta}}), {x, w, c}, 2);
      expect_as_reference(node("Gemm", {{"beta", beta}, {"transB", int64_t{1}}}), {x, t, c}, 2);
    }
}

TEST_P(Split, AnActivationBehindTheWeightsIsAppliedToEachPart) {
  const Body body = [](Builder& b, const std::vector<ValueId>& in) {
    const NodeId id =
        b.transaction().add_node("hrt", "FusedGemm", "", in, std::vector<Transaction::Output>(1),
                                 {{"activation", std::string("Relu")}});
    return b.transaction().graph().node(id).outputs;
  };
  expect_as_reference(body, {draw({5, 40}, 15), draw({40, 1003}, 16), draw({1003}, 17)}, 2);
}

TEST_P(Split, GatherTakesEachRowFromThePartThatHasIt) {
  std::vector<int64_t> rows;
  for (int64_t i = -3001; i < 3001; i += 41) rows.push_back(i);
  rows.insert(rows.end(), {-3001, 3000, 0, -1});
  const ValuePtr table = draw({3001, 37}, 18), indices = ints({int64_t(rows.size())}, rows);
  const auto gather = [](int64_t axis) {
    return Body([axis](Builder& b, const std::vector<ValueId>& in) {
      return std::vector{b.node("Gather", {in[1], in[0]}, {{"axis", axis}})};
    });
  };
  expect_as_reference(gather(0), {indices, table}, 1);                   // a constant table
  expect_as_reference(gather(0), {indices, table}, 0);                   // one that comes with the run
  expect_as_reference(gather(1), {indices, draw({7, 3001, 5}, 19)}, 1);  // parts that begin amid lines
  std::vector<int64_t> many(4000);
  for (size_t i = 0; i < many.size(); ++i) many[i] = int64_t(i * 7 % 6002) - 3001;
  expect_as_reference(gather(0), {ints({4000}, many), table}, 1);  // and a long result
}

TEST_P(Split, AnIndexOutsideOfATableInPartsFails) {
  const Body gather = [](Builder& b, const std::vector<ValueId>& in) {
    return std::vector{b.node("Gather", {in[1], in[0]})};
  };
  for (const int64_t bad : {int64_t{3001}, int64_t{-3002}}) {
    const Failure failure =
        failure_of([&] { run(gather, {ints({3}, {5, bad, 7}), draw({3001, 37}, 20)}, 1, on_device()); });
    EXPECT_NE(failure.code, HRT_OK);
    EXPECT_NE(failure.message.find("outside"), std::string::npos) << failure.message;
  }
}

TEST_P(Split, ElementWiseNodesComputeEveryElementOfLongTensors) {
  const Body chain = [](Builder& b, const std::vector<ValueId>& in) {
    return std::vector{b.node("Relu", {b.node("Add", {b.node("Mul", {in[0], in[1]}), in[2]})})};
  };
  const ValuePtr x = draw({3, 37, 1009}, 21);
  expect_as_reference(chain, {x, draw({37, 1}, 22), draw({1009}, 23)}, 2);
  expect_as_reference(chain, {x, draw({3, 37, 1009}, 24), draw({3, 1, 1}, 25)});
  expect_as_reference(chain, {draw({1009, 1}, 26), draw({1, 111}, 27), draw({1}, 28)});
  expect_as_reference(node("Less"), {x, draw({37, 1009}, 29)});
  std::vector<char> choice(111 * 1009);
  for (size_t i = 0; i < choice.size(); ++i) choice[i] = char(i * i % 3 == 1);
  expect_as_reference(node("Where"), {bools({3, 37, 1009}, choice), x, draw({1, 1009}, 30)});
}

TEST_P(Split, IntegersAreDividedInPiecesAndAZeroIsTold) {
  std::vector<int64_t> a(30'011), b(30'011);
  std::iota(a.begin(), a.end(), -15'000);
  for (size_t i = 0; i < b.size(); ++i) b[i] = int64_t(i % 7) + 1;
  expect_as_reference(node("Div"), {ints({30'011}, a), ints({30'011}, b)});
  b[29'000] = 0;
  const Failure failure =
      failure_of([&] { run(node("Div"), {ints({30'011}, a), ints({30'011}, b)}, 0, on_device()); });
  EXPECT_NE(failure.message.find("element 29000 "), std::string::npos) << failure.message;
}

TEST_P(Split, ElementsOfLongTensorsAreConvertedAndMoved) {
  const ValuePtr x = draw({3, 111, 337}, 31);
  for (const hrt_dtype to : {HRT_INT32, HRT_INT64, HRT_UINT8})
    expect_as_reference(node("Cast", {{"to", int64_t{to}}}), {x});
  expect_as_reference(node("Transpose", {{"perm", std::vector<int64_t>{2, 0, 1}}}), {x});
  expect_as_reference(node("Transpose", {{"perm", std::vector<int64_t>{1, 2, 0}}}), {x});
  expect_as_reference(node("Concat", {{"axis", int64_t{1}}}), {x, draw({3, 5, 337}, 32)});
  expect_as_reference(
      node("Slice"), {x, ints({2}, {300, 100}), ints({2}, {-400, 3}), ints({2}, {2, 1}), ints({2}, {-1, -2})},
      4);
  expect_as_reference(node("Pad"), {x, ints({6}, {0, 2, 1, 1, 0, 3}), floats({}, {0.5F})}, 2);
  expect_as_reference(node("Expand"), {draw({337}, 33), ints({2}, {111, 337})}, 1);
}

// Softmax needs all of its tensor at once.
TEST_P(Split, ANodeThatCannotBeSplitIsRefusedAlone) {
  const Body body = [](Builder& b, const std::vector<ValueId>& in) {
    return std::vector{
        b.node("Relu", {b.node("Softmax", {b.node("Neg", {in[0]})}, {{"axis", int64_t{-1}}})})};
  };
  const ValuePtr x = draw({300, 100}, 34);
  const auto expected = floats_of(run(body, {x}, 0, on_reference()).outputs[0]);
  const Outcome got = run(body, {x}, 0, on_device(Fallback::kAllow));
  EXPECT_EQ(floats_of(got.outputs[0]), expected);
  for (const Placement& p : got.placement) {
    if (p.op != "Softmax") {
      EXPECT_EQ(p.device, GetParam()) << p.op << ": " << p.why;
      continue;
    }
    EXPECT_EQ(p.device, "reference");
    ASSERT_FALSE(p.refusals.empty());
    EXPECT_NE(p.refusals[0].reason.find("a tensor of 120000 bytes"), std::string::npos)
        << p.refusals[0].reason;
    EXPECT_NE(p.refusals[0].reason.find(kSpan), std::string::npos) << p.refusals[0].reason;
  }
  const Failure denied = failure_of([&] { run(body, {x}, 0, on_device()); });
  EXPECT_EQ(denied.code, HRT_ERROR_UNSUPPORTED);
  EXPECT_NE(denied.message.find("a tensor of 120000 bytes"), std::string::npos) << denied.message;
}

// What is known only when it runs is an error of the run.
TEST_P(Split, ATensorThatTurnsOutTooLongIsNamed) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {HRT_DIM_UNKNOWN, 100}));
  const NodeId id = b.node_id("Softmax", {x}, {}, 1, "culprit");
  b.outputs(b.transaction().graph().node(id).outputs);
  Session session(narrow(), b.finish_in(narrow()), on_device());
  const auto request = session.make_request();
  request->set_input(0, draw({300, 100}, 35));
  const Failure failure = failure_of([&] { request->run(); });
  EXPECT_NE(failure.code, HRT_OK);
  for (const char* part : {"culprit", "input 0", "120000", kSpan})
    EXPECT_NE(failure.message.find(part), std::string::npos) << failure.message;
}

INSTANTIATE_TEST_SUITE_P(Gpu, Split, devices(), device_name);

}  // namespace
}  // namespace hrt::test
