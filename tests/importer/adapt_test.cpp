// SPDX-License-Identifier: Apache-2.0
// What operators of old opsets become. The expected forms follow from the standard's changelog; that they
// compute the same is shown on the conformance data, much of which is of opsets 6 to 13.
#include <gtest/gtest.h>

#include "host.h"

namespace hrt::test {
namespace {

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;

// A model of one node, from x (2x3x4) and further inputs of unknown type to y.
struct OneNode {
  OneNode(int64_t opset, const char* op, std::vector<std::string> more_inputs = {})
      : model(simple_model(opset)) {
    auto& graph = *model.mutable_graph();
    for (const auto& name : more_inputs)
      if (!name.empty() && name != "x") graph.add_input()->set_name(name);
    more_inputs.insert(more_inputs.begin(), "x");
    node = &add_node(graph, op, more_inputs, {"y"});
  }
  template <class T>
  OneNode& with(const char* name, const T& value) {
    set(*node, name, value);
    return *this;
  }
  std::unique_ptr<Graph> import() const { return import_model(model); }

  onnx::ModelProto model;
  onnx::NodeProto* node;
};

TEST(Adapt, LeavesCurrentNodesAlone) {
  const auto graph = OneNode(28, "Softmax").with("axis", int64_t(1)).import();
  EXPECT_EQ(graph->nodes().size(), 1u);
  EXPECT_EQ(int_of(node_of(*graph, "Softmax"), "axis"), 1);
}

TEST(Adapt, AxesOfReductionsBecomeAnInput) {
  const auto graph = OneNode(11, "ReduceMean").with("axes", Ints{1, -1}).import();
  const Node& node = node_of(*graph, "ReduceMean");
  EXPECT_EQ(constant_ints(*graph, node, 1), (Ints{1, -1}));
  EXPECT_EQ(node.find("axes"), nullptr);
  EXPECT_EQ(node_of(*OneNode(11, "ReduceMean").import(), "ReduceMean").inputs.size(), 1u);
  EXPECT_EQ(node_of(*OneNode(11, "ReduceMean").with("axes", Ints{}).import(), "ReduceMean").inputs.size(),
            1u);
  EXPECT_EQ(node_of(*OneNode(13, "ReduceMean").with("axes", Ints{1}).import(), "ReduceMean").inputs.size(),
            2u);
  EXPECT_EQ(node_of(*OneNode(13, "ReduceSum", {"x"}).import(), "ReduceSum").inputs.size(), 2u);
}

TEST(Adapt, UnsqueezeNeedsItsAxes) {
  const auto graph = OneNode(11, "Unsqueeze").with("axes", Ints{0}).import();
  EXPECT_EQ(constant_ints(*graph, node_of(*graph, "Unsqueeze"), 1), Ints{0});
  const std::string error = import_error(OneNode(11, "Unsqueeze").model);
  EXPECT_NE(error.find("test.onnx: node that makes 'y' (Unsqueeze, opset 11): attribute 'axes' is missing"),
            std::string::npos)
      << error;
}

TEST(Adapt, SliceRangesBecomeInputs) {
  const auto graph =
      OneNode(9, "Slice").with("starts", Ints{1}).with("ends", Ints{9}).with("axes", Ints{2}).import();
  const Node& node = node_of(*graph, "Slice");
  EXPECT_EQ(constant_ints(*graph, node, 1), Ints{1});
  EXPECT_EQ(constant_ints(*graph, node, 2), Ints{9});
  EXPECT_EQ(constant_ints(*graph, node, 3), Ints{2});
}

TEST(Adapt, SplitSaysInHowMany) {
  OneNode halves(2, "Split");
  halves.node->add_output("z");
  EXPECT_EQ(int_of(node_of(*halves.import(), "Split"), "num_outputs"), 2);
  const auto graph = halves.with("split", Ints{1, 1}).import();
  EXPECT_EQ(constant_ints(*graph, node_of(*graph, "Split"), 1), (Ints{1, 1}));
  EXPECT_EQ(node_of(*graph, "Split").find("num_outputs"), nullptr);
}

TEST(Adapt, ClipLimitsHaveTheTypeOfTheData) {
  OneNode clip(6, "Clip");
  clip.with("min", -1.0f).with("max", 2.0f);
  auto graph = clip.import();
  EXPECT_EQ(constant_floats(*graph, node_of(*graph, "Clip"), 1), Floats{-1});
  EXPECT_EQ(constant_floats(*graph, node_of(*graph, "Clip"), 2), Floats{2});
  set_type(*clip.model.mutable_graph()->mutable_input(0), "x", onnx::TensorProto::DOUBLE, {2});
  graph = clip.import();
  const Node& node = node_of(*graph, "Clip");
  EXPECT_EQ(*graph->value(node.inputs[1]).constant->data_as<double>(), -1.0);
  EXPECT_FALSE(has_op(*graph, "CastLike"));
}

TEST(Adapt, ClipLimitsAreCastWhenTheTypeIsNotKnown) {
  OneNode clip(6, "Clip");
  clip.with("max", 2.0f);
  clip.node->set_input(0, "z");
  set_type(*clip.model.mutable_graph()->mutable_input(0), "x", onnx::TensorProto::FLOAT16, {2});
  add_node(*clip.model.mutable_graph(), "Relu", {"x"}, {"z"});
  const auto graph = clip.import();
  EXPECT_EQ(node_of(*graph, "Clip").inputs[2], node_of(*graph, "CastLike").outputs[0]);
  EXPECT_EQ(node_of(*graph, "Clip").inputs[1], HRT_NONE);
}

TEST(Adapt, PadAmountsBecomeAnInput) {
  const auto graph = OneNode(2, "Pad").with("pads", Ints{0, 0, 1, 0, 0, 1}).import();
  EXPECT_EQ(constant_ints(*graph, node_of(*graph, "Pad"), 1), (Ints{0, 0, 1, 0, 0, 1}));
  EXPECT_EQ(node_of(*graph, "Pad").inputs.size(), 2u);
  const auto old = OneNode(1, "Pad").with("paddings", Ints{0, 0, 1, 0, 0, 1}).with("value", 3.0f).import();
  EXPECT_EQ(constant_floats(*old, node_of(*old, "Pad"), 2), Floats{3});
}

TEST(Adapt, SoftmaxOverTheLastAxisNeedsNoReshaping) {
  for (const int64_t axis : {2, -1}) {
    const auto graph = OneNode(11, "Softmax").with("axis", axis).import();
    EXPECT_EQ(graph->nodes().size(), 1u);
    EXPECT_EQ(int_of(node_of(*graph, "Softmax"), "axis"), -1);
  }
}

TEST(Adapt, SoftmaxOverSeveralAxesIsFlattened) {
  const auto graph = OneNode(11, "LogSoftmax").import();
  EXPECT_EQ(int_of(node_of(*graph, "Flatten"), "axis"), 1);
  EXPECT_EQ(int_of(node_of(*graph, "LogSoftmax"), "axis"), -1);
  EXPECT_EQ(node_of(*graph, "Reshape").inputs[1], node_of(*graph, "Shape").outputs[0]);
  EXPECT_EQ(graph->outputs()[0], node_of(*graph, "Reshape").outputs[0]);
}

TEST(Adapt, BroadcastingAlongAnAxisAppendsDimensions) {
  OneNode add(6, "Add", {"b"});
  set_type(*add.model.mutable_graph()->mutable_input(1), "b", onnx::TensorProto::FLOAT, {3});
  add.with("broadcast", int64_t(1)).with("axis", int64_t(1));
  const auto graph = add.import();
  EXPECT_EQ(constant_ints(*graph, node_of(*graph, "Unsqueeze"), 1), Ints{1});
  EXPECT_TRUE(node_of(*graph, "Add").attributes.empty());
  OneNode wrong(6, "Add", {"x"});
  EXPECT_NE(import_error(wrong.with("broadcast", int64_t(1)).with("axis", int64_t(1)).model)
                .find("axis 1 leaves no room for 3 dimensions"),
            std::string::npos);
  OneNode absurd(6, "Add", {"x"});
  EXPECT_NE(import_error(absurd.with("broadcast", int64_t(1)).with("axis", INT64_MIN).model), "");
}

TEST(Adapt, PReluSlopesStandAgainstChannels) {
  OneNode prelu(6, "PRelu", {"s"});
  set_type(*prelu.model.mutable_graph()->mutable_input(1), "s", onnx::TensorProto::FLOAT, {3});
  const auto graph = prelu.import();
  EXPECT_EQ(constant_ints(*graph, node_of(*graph, "Unsqueeze"), 1), Ints{1});
}

TEST(Adapt, BatchNormalizationLosesItsSwitches) {
  OneNode bn(6, "BatchNormalization", {"s", "b", "m", "v"});
  bn.with("is_test", int64_t(1)).with("spatial", int64_t(1)).with("epsilon", 0.5f);
  const auto graph = bn.import();
  ASSERT_EQ(node_of(*graph, "BatchNormalization").attributes.size(), 1u);
  OneNode training(9, "BatchNormalization", {"s", "b", "m", "v"});
  training.node->add_output("mean");
  EXPECT_EQ(int_of(node_of(*training.import(), "BatchNormalization"), "training_mode"), 1);
}

TEST(Adapt, BatchNormalizationOfEveryElementIsArithmetic) {
  OneNode bn(7, "BatchNormalization", {"s", "b", "m", "v"});
  const auto graph = bn.with("spatial", int64_t(0)).import();
  EXPECT_FALSE(has_op(*graph, "BatchNormalization"));
  EXPECT_TRUE(has_op(*graph, "Sqrt"));
}

TEST(Adapt, DropoutIsForInference) {
  OneNode dropout(6, "Dropout");
  dropout.with("ratio", 0.5f).with("is_test", int64_t(0));
  dropout.node->add_output("mask");
  const auto graph = dropout.import();
  EXPECT_TRUE(node_of(*graph, "Dropout").attributes.empty());
  EXPECT_EQ(graph->value(node_of(*graph, "CastLike").outputs[0]).name, "mask");
}

TEST(Adapt, UpsampleBecomesResize) {
  const auto graph = OneNode(7, "Upsample").with("mode", "linear").with("scales", Floats{1, 2, 2}).import();
  const Node& resize = node_of(*graph, "Resize");
  EXPECT_EQ(resize.inputs[1], HRT_NONE);
  EXPECT_EQ(constant_floats(*graph, resize, 2), (Floats{1, 2, 2}));
  EXPECT_EQ(string_of(resize, "coordinate_transformation_mode"), "asymmetric");
  EXPECT_EQ(string_of(resize, "mode"), "linear");
  const auto first = OneNode(1, "Upsample").with("height_scale", 2.0f).with("width_scale", 3.0f).import();
  EXPECT_EQ(constant_floats(*first, node_of(*first, "Resize"), 2), (Floats{1, 1, 2, 3}));
}

TEST(Adapt, Resize10RoundsAwayFromWhereItGoes) {
  const auto mode = [](const Floats& scales) {
    OneNode resize(10, "Resize", {"s"});
    auto& graph = *resize.model.mutable_graph();
    auto& t = add_initializer(graph, "s", onnx::TensorProto::FLOAT, {int64_t(scales.size())});
    t.mutable_float_data()->Add(scales.begin(), scales.end());
    return string_of(node_of(*resize.import(), "Resize"), "nearest_mode");
  };
  EXPECT_EQ(mode({1, 2, 2}), "floor");
  EXPECT_EQ(mode({1, 0.5f, 0.5f}), "ceil");
  const auto unknown = OneNode(10, "Resize", {"s"}).import();  // both, one after the other
  EXPECT_EQ(unknown->nodes().size(), 4u);
}

TEST(Adapt, GroupNormalizationScalesEveryChannel) {
  const auto graph = OneNode(18, "GroupNormalization", {"s", "b"}).with("num_groups", int64_t(3)).import();
  EXPECT_TRUE(has_op(*graph, "Expand"));
  EXPECT_NE(import_error(OneNode(18, "GroupNormalization", {"s", "b"}).with("num_groups", int64_t(0)).model),
            "");
}

TEST(Adapt, DftAxisBecomesAnInput) {
  const auto graph = OneNode(17, "DFT").import();
  EXPECT_EQ(constant_ints(*graph, node_of(*graph, "DFT"), 2), Ints{1});
}

TEST(Adapt, NamesAndDefaultsThatChanged) {
  EXPECT_EQ(string_of(node_of(*OneNode(16, "GridSample", {"g"}).import(), "GridSample"), "mode"), "linear");
  EXPECT_EQ(string_of(node_of(*OneNode(10, "RoiAlign", {"r", "i"}).import(), "RoiAlign"),
                      "coordinate_transformation_mode"),
            "output_half_pixel");
  EXPECT_EQ(int_of(node_of(*OneNode(1, "Concat").import(), "Concat"), "axis"), 1);
  EXPECT_EQ(int_of(node_of(*OneNode(1, "Cast").with("to", "INT64").import(), "Cast"), "to"), HRT_INT64);
  EXPECT_EQ(int_of(node_of(*OneNode(1, "LpPool").with("p", 1.0f).import(), "LpPool"), "p"), 1);
  EXPECT_TRUE(has_op(*OneNode(9, "Scatter", {"i", "u"}).import(), "ScatterElements"));
  EXPECT_TRUE(
      node_of(*OneNode(1, "Relu").with("consumed_inputs", Ints{0}).import(), "Relu").attributes.empty());
  EXPECT_EQ(node_of(*OneNode(3, "LSTM", {"w", "r"}).with("output_sequence", int64_t(1)).import(), "LSTM")
                .attributes.size(),
            0u);
}

TEST(Adapt, TheSameNodesAreAdaptedInBodies) {
  onnx::GraphProto body;
  set(add_node(body, "ReduceSum", {"x"}, {"r"}), "axes", Ints{0});
  body.add_output()->set_name("r");
  const auto graph = OneNode(11, "If").with("then_branch", body).import();
  const Graph& imported = *std::get<std::shared_ptr<Graph>>(node_of(*graph, "If").find("then_branch")->data);
  EXPECT_EQ(constant_ints(imported, node_of(imported, "ReduceSum"), 1), Ints{0});
}

TEST(Adapt, Scan8IsAScanOverTheBatchAndOneOverTheSequence) {
  onnx::GraphProto body;
  for (const char* i : {"s", "e"}) body.add_input()->set_name(i);
  set(add_node(body, "ReduceSum", {"e"}, {"r"}), "axes", Ints{0});  // of opset 8, as the file is
  add_node(body, "Add", {"s", "r"}, {"t"});
  body.add_output()->set_name("t");
  OneNode scan(8, "Scan");
  scan.with("num_scan_inputs", int64_t(1)).with("body", body);
  scan.node->clear_input();
  for (const char* i : {"lengths", "x", "x"}) scan.node->add_input(i);
  scan.model.mutable_graph()->add_input()->set_name("lengths");
  const auto graph = scan.import();
  const Node& outer = node_of(*graph, "Scan");
  EXPECT_EQ(outer.inputs.size(), 3u);
  EXPECT_EQ(int_of(outer, "num_scan_inputs"), 3);
  const Graph& batch = *std::get<std::shared_ptr<Graph>>(outer.find("body")->data);
  const Node& inner = node_of(batch, "Scan");
  EXPECT_EQ(int_of(inner, "num_scan_inputs"), 1);
  const Graph& step = *std::get<std::shared_ptr<Graph>>(inner.find("body")->data);
  EXPECT_EQ(constant_ints(step, node_of(step, "ReduceSum"), 1), Ints{0});
}

TEST(Adapt, AttributesOfTheWrongTypeAreRefused) {
  const std::string error = import_error(OneNode(11, "ReduceSum").with("axes", int64_t(1)).model);
  EXPECT_NE(error.find("attribute 'axes' is INT, not INTS"), std::string::npos) << error;
}

}  // namespace
}  // namespace hrt::test
