// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include <cmath>

#include "core/execute/session.h"
#include "core/pass/pipeline.h"
#include "core/plugin/infer.h"

namespace hrt::test {
namespace {

template <class T>
void fill(Tensor& t, std::mt19937& random, double low, double high) {
  std::uniform_real_distribution<double> any(low, high);
  for (uint64_t i = 0; i < t.size(); ++i) t.data_as<T>()[i] = T(any(random));
}

Tensor random_tensor(const Type& type, std::mt19937& random) {
  Dims dims(type.dims().begin(), type.dims().end());
  for (int64_t& d : dims)
    if (!is_number(d)) d = 2 + (d - HRT_DIM_UNKNOWN) % 3;  // equal symbols are equal dimensions
  Tensor t = Tensor::allocate(type.dtype(), dims);
  switch (type.dtype()) {
    case HRT_FLOAT32: fill<float>(t, random, -3, 3); break;
    case HRT_FLOAT64: fill<double>(t, random, -3, 3); break;
    case HRT_FLOAT16:
      for (uint64_t i = 0; i < t.size(); ++i)
        t.data_as<float16>()[i] = float16(std::uniform_real_distribution<float>(-3, 3)(random));
      break;
    case HRT_INT32: fill<int32_t>(t, random, -9, 9); break;
    case HRT_INT64: fill<int64_t>(t, random, -9, 9); break;
    case HRT_UINT8: fill<uint8_t>(t, random, 0, 256); break;
    case HRT_INT8: fill<int8_t>(t, random, -128, 128); break;
    case HRT_BOOL: fill<uint8_t>(t, random, 0, 1.99); break;
    default: ADD_FAILURE() << "no random tensor of " << to_string(type);
  }
  return t;
}

std::vector<ValuePtr> random_inputs(const Graph& graph) {
  std::mt19937 random(7);
  std::vector<ValuePtr> values;
  for (const ValueId v : graph.inputs())
    values.push_back(make_value(random_tensor(graph.value(v).type, random)));
  return values;
}

std::vector<ValuePtr> run(std::unique_ptr<Graph> graph, const std::vector<ValuePtr>& inputs) {
  SessionOptions options;
  options.devices = {"reference"};
  options.threads = 1;
  options.optimise = false;
  Session session(runtime(), std::move(graph), options);
  const auto request = session.make_request();
  for (size_t i = 0; i < inputs.size(); ++i) request->set_input(i, inputs[i]);
  request->run();
  std::vector<ValuePtr> outputs;
  for (size_t i = 0; i < session.outputs().size(); ++i) outputs.push_back(own(request->output(i)));
  return outputs;
}

template <class T>
double worst_difference(const Tensor& a, const Tensor& b) {
  double worst = 0;
  for (uint64_t i = 0; i < a.size(); ++i) {
    const double x = double(a.data_as<T>()[i]), y = double(b.data_as<T>()[i]);
    if (std::isnan(x) != std::isnan(y)) return INFINITY;
    if (!std::isnan(x) && x != y) worst = std::max(worst, std::abs(x - y) / (1 + std::abs(x)));
  }
  return worst;
}

void expect_equal(const Tensor& before, const Tensor& after, Equal equal, const std::string& name) {
  ASSERT_EQ(to_string(before.type()), to_string(after.type())) << "output " << name;
  if (equal == Equal::kExactly || before.dtype() == HRT_BOOL) {
    EXPECT_TRUE(identical(before, after)) << "output " << name << " changed";
  } else if (before.dtype() == HRT_FLOAT32) {
    EXPECT_LE(worst_difference<float>(before, after), equal == Equal::kRoughly ? 1e-3 : 2e-5)
        << "output " << name;
  } else if (before.dtype() == HRT_FLOAT64) {
    EXPECT_LE(worst_difference<double>(before, after), 1e-12) << "output " << name;
  } else {
    EXPECT_LE(worst_difference<float16>(before, after), 2e-2) << "output " << name;
  }
}

PipelineOptions options_for(const Names& passes) {
  PipelineOptions options;
  options.passes = passes;
  return options;
}

std::unique_ptr<Graph> made(const Build& build) {
  runtime();
  Model model;
  build(model);
  return model.finish();
}

std::unique_ptr<Graph> rewritten(const Build& build, const Names& passes, Names& log) {
  auto graph = made(build);
  log = run_passes(runtime().registry(), *graph, options_for(passes));
  return graph;
}

}  // namespace

Runtime& runtime() {
  static Runtime made({.plugin_directories = {HRT_PLUGIN_DIR}, .backend_options = {}});
  return made;
}

Model::Model() : graph_(std::make_unique<Graph>()), edit_(std::make_unique<Transaction>(*graph_)) {
  edit_->set_opset("", 28);
}

ValueId Model::input(Dims dims, hrt_dtype dtype) { return input_of(Type::tensor(dtype, std::move(dims))); }

ValueId Model::input_of(Type type) {
  return edit_->add_input("x" + std::to_string(graph_->inputs().size()), std::move(type));
}

ValueId Model::floats(Dims dims, const Floats& data, hrt_dtype dtype) {
  Tensor t = Tensor::allocate(dtype, std::move(dims));
  EXPECT_EQ(t.size(), data.size());
  for (size_t i = 0; i < data.size(); ++i) {
    if (dtype == HRT_FLOAT32) t.data_as<float>()[i] = data[i];
    if (dtype == HRT_FLOAT64) t.data_as<double>()[i] = double(data[i]);
    if (dtype == HRT_FLOAT16) t.data_as<float16>()[i] = float16(data[i]);
  }
  return edit_->add_constant("", std::make_shared<Tensor>(t));
}

ValueId Model::random(Dims dims, float low, float high) {
  Floats data(element_count(dims));
  std::uniform_real_distribution<float> any(low, high);
  for (float& x : data) x = any(random_);
  return floats(std::move(dims), data);
}

ValueId Model::ints(Dims dims, const Ints& data) {
  Tensor t = Tensor::allocate(HRT_INT64, std::move(dims));
  EXPECT_EQ(t.size(), data.size());
  std::copy(data.begin(), data.end(), t.data_as<int64_t>());
  return edit_->add_constant("", std::make_shared<Tensor>(t));
}

Ids Model::ops(std::string op, Ids inputs, size_t outputs, std::vector<Attribute> attributes) {
  const NodeId id = edit_->add_node("", std::move(op), "", std::move(inputs),
                                    std::vector<Transaction::Output>(outputs), std::move(attributes));
  return graph_->node(id).outputs;
}

ValueId Model::op(std::string op, Ids inputs, std::vector<Attribute> attributes, std::string domain) {
  const NodeId id =
      edit_->add_node(std::move(domain), std::move(op), "", std::move(inputs), {{}}, std::move(attributes));
  return graph_->node(id).outputs[0];
}

ValueId Model::branch_on(ValueId condition, ValueId captured) {
  const NodeId id = edit_->add_node("", "If", "", {condition}, {{}}, {});
  for (const auto& [branch, op] : {std::pair("then_branch", "Neg"), std::pair("else_branch", "Abs")}) {
    Transaction& body = edit_->add_body(id, branch, branch);
    const ValueId inner = body.add_capture(captured);
    const NodeId copy = body.add_node("", "Identity", "", {inner}, {{}}, {});
    const NodeId node = body.add_node("", op, "", body.graph().node(copy).outputs, {{}}, {});
    body.set_outputs(body.graph().node(node).outputs);
  }
  return graph_->node(id).outputs[0];
}

std::unique_ptr<Graph> Model::finish() {
  edit_->set_outputs(outputs_);
  Names names;
  for (size_t i = 0; i < outputs_.size(); ++i) names.push_back("y" + std::to_string(i));
  edit_->set_output_names(names);
  edit_->commit();
  edit_.reset();
  runtime();  // brings the operators
  annotate(*graph_);
  return std::move(graph_);
}

std::unique_ptr<Graph> rewritten(const Build& build, const Names& passes) {
  Names log;
  return rewritten(build, passes, log);
}

Names rewrites(const Build& build, const Names& passes) {
  Names log;
  rewritten(build, passes, log);
  return log;
}

std::unique_ptr<Graph> optimise(const Build& build, const Names& passes, Equal equal) {
  auto before = made(build);
  Names log;
  testing::internal::CaptureStderr();
  auto after = rewritten(build, passes, log);
  const std::string messages = testing::internal::GetCapturedStderr();
  std::string story = "before:\n" + to_text(*before) + "after:\n" + to_text(*after);
  for (const auto& line : log) story += line + "\n";
  SCOPED_TRACE(story);
  EXPECT_EQ(messages, "") << "a rewrite was rolled back";
  EXPECT_EQ(before->output_names(), after->output_names());

  const auto names = after->output_names();
  const auto inputs = random_inputs(*before);
  const auto expected = run(std::move(before), inputs);
  const auto results = run(std::move(after), inputs);
  EXPECT_EQ(expected.size(), results.size());
  for (size_t i = 0; i < expected.size(); ++i)
    expect_equal(expected[i]->tensor, results[i]->tensor, equal, names[i]);
  return rewritten(build, passes);  // the one before went into a session
}

std::string operators_of(const Graph& graph) {
  std::string names;
  for (const NodeId id : graph.nodes()) names += (names.empty() ? "" : " ") + graph.node(id).op;
  return names;
}

std::string optimised(const Build& build, const Names& passes, Equal equal) {
  return operators_of(*optimise(build, passes, equal));
}

const Node& node_of(const Graph& graph, std::string_view op) {
  for (const NodeId id : graph.nodes())
    if (graph.node(id).op == op) return graph.node(id);
  throw std::runtime_error("no " + std::string(op) + " in\n" + to_text(graph));
}

}  // namespace hrt::test
