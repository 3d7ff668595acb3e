// SPDX-License-Identifier: Apache-2.0
// The reference backend through its table, as a host drives it.
#include <cstring>
#include <deque>

#include "core/base/error.h"
#include "core/execute/run.h"
#include "core/plugin/status.h"
#include "model.h"

namespace hrt::test {
namespace {

const hrt_backend_api& api() {
  for (const auto& b : runtime().registry().backends())
    if (std::string_view(b.api->name) == "reference") return *b.api;
  throw std::runtime_error("the reference backend was not loaded");
}

std::shared_ptr<Graph> made(const Build& build) {
  Model model;
  build(model);
  return model.finish();
}

// A graph on the device, from compile to run; shapes are those that the graph has. The tests let the graph
// end once this is made: the device keeps what it needs.
class Device {
 public:
  explicit Device(const std::shared_ptr<Graph>& graph) {
    check(api().device_open(0, nullptr, &device_), "");
    check(api().compile(device_, graph.get(), &executable_), "");
    std::vector<const hrt_type*> types;
    for (ValueId v = 0; v < graph->value_limit(); ++v) {
      types_.push_back(graph->has_value(v) ? graph->value(v).type : Type());
      types.push_back(graph->has_value(v) ? &types_.back().c() : nullptr);
      const bool constant = graph->has_value(v) && graph->value(v).constant;
      known_.push_back(constant ? &graph->value(v).constant_c : nullptr);
    }
    const hrt_shapes shapes{sizeof(hrt_shapes), types.data(), known_.data(), uint32_t(types.size())};
    hrt_requirements needs{sizeof(hrt_requirements), 0};
    check(api().prepare(executable_, &shapes, &prepared_, &needs), "");
    workspace_bytes = needs.workspace_bytes;
    for (const ValueId v : graph->outputs())
      outputs_.push_back(Tensor::allocate(
          HRT_FLOAT32, Dims(graph->value(v).type.dims().begin(), graph->value(v).type.dims().end())));
    inputs_ = graph->inputs().size();
  }
  ~Device() {
    if (context_) api().context_destroy(context_);
    api().prepared_destroy(prepared_);
    api().executable_destroy(executable_);
    api().device_close(device_);
  }

  std::vector<Tensor> run(const std::vector<Floats>& inputs, const CancelToken* cancel = nullptr) {
    EXPECT_EQ(inputs.size(), inputs_);
    if (!context_) check(api().context_create(prepared_, &context_), "");
    std::vector<const void*> in;
    std::vector<void*> out;
    for (const Floats& x : inputs) in.push_back(x.data());
    for (const Tensor& y : outputs_) out.push_back(y.data());
    const auto workspace = allocate_bytes(workspace_bytes);
    hrt_run run;
    run.cancel = cancel;
    hrt_run_args args{sizeof(hrt_run_args), &run,       in.data(),       in.size(),
                      out.data(),           out.size(), workspace.get(), 0};
    check(api().run(context_, &args), "");
    return outputs_;
  }

  uint64_t workspace_bytes = 0;

 private:
  hrt_device* device_ = nullptr;
  hrt_executable* executable_ = nullptr;
  hrt_prepared* prepared_ = nullptr;
  hrt_context* context_ = nullptr;
  std::deque<Type> types_;
  std::vector<const hrt_tensor*> known_;
  std::vector<Tensor> outputs_;
  size_t inputs_ = 0;
};

Floats floats_of(const Tensor& t) { return {t.data_as<float>(), t.data_as<float>() + t.size()}; }

TEST(Reference, CopiesOutputsThatAreInputsConstantsOrOutputsAlready) {
  Device device(made([](Model& m) {
    const auto x = m.input({2}), y = m.op("Neg", {x});
    m.output(x);
    m.output(m.floats({2}, {5, 6}));
    m.output(y);
    m.output(y);
  }));
  const auto out = device.run({{1, 2}});
  EXPECT_EQ(floats_of(out[0]), (Floats{1, 2}));
  EXPECT_EQ(floats_of(out[1]), (Floats{5, 6}));
  EXPECT_EQ(floats_of(out[2]), (Floats{-1, -2}));
  EXPECT_EQ(floats_of(out[3]), (Floats{-1, -2}));
}

TEST(Reference, AnOutputIsReadByLaterNodes) {
  Device device(made([](Model& m) {
    const auto y = m.op("Neg", {m.input({2})});
    m.output(y);
    m.output(m.op("Add", {m.op("Abs", {y}), y}));
  }));
  const auto out = device.run({{1, -2}});
  EXPECT_EQ(floats_of(out[0]), (Floats{-1, 2}));
  EXPECT_EQ(floats_of(out[1]), (Floats{0, 4}));
}

TEST(Reference, AChainRunsInPlace) {
  Device device(made([](Model& m) {
    auto x = m.input({1024});
    for (int i = 0; i < 6; ++i) x = m.op(i % 2 ? "Neg" : "Abs", {x});
    m.output(x);
  }));
  EXPECT_EQ(device.workspace_bytes, 4096u);
  EXPECT_EQ(device.run({Floats(1024, -3)})[0].data_as<float>()[1023], -3);
}

TEST(Reference, DoesNotOverwriteWhatIsStillRead) {
  Device device(made([](Model& m) {
    const auto a = m.op("Exp", {m.input({4})});
    const auto b = m.op("Neg", {a});     // a lives on
    const auto c = m.op("Add", {b, b});  // read twice by one node
    const auto d = m.op("Concat", {c, c}, {attr("axis", int64_t{0})});
    m.output(m.op("Add", {m.op("ReduceSum", {d}), a}));
  }));
  EXPECT_EQ(floats_of(device.run({{0, 0, 0, 0}})[0]), Floats(4, -15));
}

TEST(Reference, SeveralRunsOfOneContext) {
  Device device(made([](Model& m) { m.output(m.op("Neg", {m.op("Abs", {m.input({1})})})); }));
  EXPECT_EQ(floats_of(device.run({{-2}})[0]), Floats{-2});
  EXPECT_EQ(floats_of(device.run({{3}})[0]), Floats{-3});
}

TEST(Reference, ACancelledRunEnds) {
  Device device(made([](Model& m) { m.output(m.op("Neg", {m.input({1})})); }));
  RunToken token;
  token.cancel();
  try {
    device.run({{1}}, &token);
    FAIL() << "it ran";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), HRT_ERROR_DEADLINE);
  }
}

TEST(Reference, RefusesWhatHasNoKernelOrABody) {
  const auto graph =
      made([](Model& m) { m.output(m.branch_on(m.input({}, HRT_BOOL), m.op("Neg", {m.input({2})}))); });
  hrt_device* device = nullptr;
  check(api().device_open(0, nullptr, &device), "");
  std::vector<hrt_node_support> answers(2, hrt_node_support{sizeof(hrt_node_support), 0, {}, 0, 0, 0});
  check(api().query_nodes(device, graph.get(), answers.data(), 2, sizeof(hrt_node_support)), "");
  EXPECT_TRUE(answers[0].supported);
  EXPECT_GT(answers[0].latency_us, 0);
  EXPECT_FALSE(answers[1].supported);
  EXPECT_STREQ(answers[1].reason, "has a nested body");
  api().device_close(device);
}

TEST(Reference, AnUnknownOptionIsNamed) {
  const char *key = "speed", *value = "high";
  const hrt_options options{sizeof(hrt_options), &key, &value, 1};
  hrt_device* device = nullptr;
  try {
    check(api().device_open(0, &options, &device), "");
    FAIL() << "it was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), HRT_ERROR_USAGE);
    EXPECT_NE(e.message().find("speed"), std::string::npos);
  }
}

}  // namespace
}  // namespace hrt::test
