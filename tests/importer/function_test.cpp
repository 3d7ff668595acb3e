// SPDX-License-Identifier: Apache-2.0
// Model-local functions.
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include "host.h"

namespace hrt::test {
namespace {

onnx::NodeProto& add_node(onnx::FunctionProto& f, const char* op, const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs) {
  onnx::NodeProto& node = *f.add_node();
  node.set_op_type(op);
  for (const auto& i : inputs) node.add_input(i);
  for (const auto& o : outputs) node.add_output(o);
  return node;
}

void reference(onnx::NodeProto& node, const char* name, const char* parameter) {
  auto& a = *node.add_attribute();
  a.set_name(name);
  a.set_ref_attr_name(parameter);
  a.set_type(onnx::AttributeProto::FLOAT);
}

// y = Mul(LeakyRelu<alpha = slope>(x), c)
onnx::FunctionProto& add_function(onnx::ModelProto& model, const char* name) {
  onnx::FunctionProto& f = *model.add_functions();
  f.set_name(name);
  f.set_domain("local");
  f.add_opset_import()->set_version(18);
  f.add_attribute("slope");
  f.add_input("a");
  f.add_output("b");
  set(add_node(f, "Constant", {}, {"c"}), "value_float", 2.0f);
  reference(add_node(f, "LeakyRelu", {"a"}, {"t"}), "alpha", "slope");
  add_node(f, "Mul", {"t", "c"}, {"b"});
  return f;
}

onnx::ModelProto calling_model() {
  auto model = simple_model(18);
  auto& import = *model.add_opset_import();
  import.set_domain("local");
  import.set_version(1);
  return model;
}

onnx::NodeProto& call(onnx::ModelProto& model, const char* name, const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs) {
  auto& node = test::add_node(*model.mutable_graph(), name, inputs, outputs);
  node.set_domain("local");
  return node;
}

TEST(Function, IsExpandedWithNamesOfItsOwn) {
  auto model = calling_model();
  add_function(model, "leaky");
  set(call(model, "leaky", {"x"}, {"t"}), "slope", 0.5f);
  call(model, "leaky", {"t"}, {"y"});
  const auto graph = import_model(model);
  EXPECT_EQ(graph->nodes().size(), 4u);
  EXPECT_EQ(graph->output_names(), std::vector<std::string>{"y"});
  const Node& first = graph->node(graph->nodes()[0]);
  const Node& second = graph->node(graph->nodes()[2]);
  EXPECT_EQ(std::get<float>(first.find("alpha")->data), 0.5f);
  EXPECT_EQ(second.find("alpha"), nullptr);  // not given: the operator's own default
  EXPECT_NE(graph->value(first.outputs[0]).name, graph->value(second.outputs[0]).name);
  EXPECT_EQ(second.inputs[0], graph->node(graph->nodes()[1]).outputs[0]);
}

TEST(Function, TakesDefaultsFromAttributeProto) {
  auto model = calling_model();
  onnx::AttributeProto slope;
  slope.set_name("slope");
  slope.set_type(onnx::AttributeProto::FLOAT);
  slope.set_f(0.125f);
  auto& f = add_function(model, "leaky");
  f.mutable_unknown_fields()->AddLengthDelimited(11, slope.SerializeAsString());
  call(model, "leaky", {"x"}, {"y"});
  const auto graph = import_model(model);
  EXPECT_EQ(std::get<float>(node_of(*graph, "LeakyRelu").find("alpha")->data), 0.125f);
}

TEST(Function, IsChosenByOverload) {
  auto model = calling_model();
  add_function(model, "f").mutable_unknown_fields()->AddLengthDelimited(13, "one");
  auto& other = add_function(model, "f");
  other.mutable_unknown_fields()->AddLengthDelimited(13, "two");
  other.mutable_node(1)->set_op_type("Elu");
  call(model, "f", {"x"}, {"y"}).mutable_unknown_fields()->AddLengthDelimited(8, "two");
  const auto graph = import_model(model);
  EXPECT_TRUE(has_op(*graph, "Elu"));
  EXPECT_FALSE(has_op(*graph, "LeakyRelu"));
}

TEST(Function, HasAnOpsetOfItsOwn) {
  auto model = calling_model();
  auto& f = *model.add_functions();
  f.set_name("sum");
  f.set_domain("local");
  f.add_opset_import()->set_version(11);
  f.add_input("a");
  f.add_output("b");
  set(add_node(f, "ReduceSum", {"a"}, {"b"}), "axes", std::vector<int64_t>{1});
  call(model, "sum", {"x"}, {"y"});
  const auto graph = import_model(model);
  EXPECT_EQ(constant_ints(*graph, node_of(*graph, "ReduceSum"), 1), std::vector<int64_t>{1});
}

TEST(Function, MayHandOnAnInputAndLeaveOthersOut) {
  auto model = calling_model();
  auto& f = *model.add_functions();
  f.set_name("f");
  f.set_domain("local");
  for (const char* i : {"a", "low", "high"}) f.add_input(i);
  f.add_output("a");
  f.add_output("b");
  add_node(f, "Clip", {"a", "low", "high"}, {"b"});
  f.add_opset_import()->set_version(18);
  call(model, "f", {"x", "", "x"}, {"z", "y"});
  const auto graph = import_model(model);
  EXPECT_EQ(graph->value(node_of(*graph, "Identity").outputs[0]).name, "z");
  EXPECT_EQ(node_of(*graph, "Clip").inputs[1], HRT_NONE);
}

TEST(Function, SeesNothingOfItsCaller) {
  auto model = calling_model();
  add_function(model, "f").mutable_node(2)->set_input(1, "x");
  call(model, "f", {"x"}, {"y"});
  EXPECT_NE(import_error(model).find("nothing makes 'x'"), std::string::npos);
}

TEST(Function, ABodyHandedToItLooksUpNamesWhereItWasWritten) {
  auto model = calling_model();
  auto& f = *model.add_functions();
  f.set_name("choose");
  f.set_domain("local");
  f.add_opset_import()->set_version(18);
  f.add_attribute("branch");
  f.add_input("c");
  f.add_output("b");
  auto& conditional = add_node(f, "If", {"c"}, {"b"});
  for (const char* name : {"then_branch", "else_branch"}) {
    auto& a = *conditional.add_attribute();
    a.set_name(name);
    a.set_ref_attr_name("branch");
    a.set_type(onnx::AttributeProto::GRAPH);
  }
  onnx::GraphProto branch;
  add_initializer(branch, "w", onnx::TensorProto::INT8, {128}).set_raw_data(std::string(128, '\3'));
  test::add_node(branch, "Foo", {"x", "w"}, {"r"});
  branch.add_output()->set_name("r");
  set_type(*model.mutable_graph()->add_input(), "c", onnx::TensorProto::BOOL, {});
  set(call(model, "choose", {"c"}, {"y"}), "branch", branch);
  const auto graph = import_model(model);
  for (const char* name : {"then_branch", "else_branch"}) {
    const Graph& body = *std::get<std::shared_ptr<Graph>>(node_of(*graph, "If").find(name)->data);
    ASSERT_EQ(body.captures().size(), 1u);
    EXPECT_EQ(graph->value(body.captures()[0].outer).name, "x");
    const auto& w = body.value(node_of(body, "Foo").inputs[1]);
    EXPECT_EQ(std::string(w.constant->data_as<char>(), 128), std::string(128, '\3'));
  }
}

TEST(Function, ThatCallsItselfIsRefused) {
  auto model = calling_model();
  auto& f = add_function(model, "f");
  auto& import = *f.add_opset_import();
  import.set_domain("local");
  import.set_version(1);
  f.mutable_node(2)->set_op_type("f");
  f.mutable_node(2)->set_domain("local");
  call(model, "f", {"x"}, {"y"});
  EXPECT_NE(import_error(model).find("function 'f' calls itself"), std::string::npos);
}

TEST(Function, ThatExpandsToTooMuchIsRefused) {
  auto model = calling_model();
  const int levels = 30;  // each calls the next one twice
  for (int i = 0; i < levels; ++i) {
    auto& f = *model.add_functions();
    f.set_name("f" + std::to_string(i));
    f.set_domain("local");
    f.add_opset_import()->set_version(18);
    f.add_input("a");
    f.add_output("b");
    const std::string next = i + 1 < levels ? "f" + std::to_string(i + 1) : "Neg";
    auto& first = add_node(f, next.c_str(), {"a"}, {"t"});
    auto& second = add_node(f, next.c_str(), {"t"}, {"b"});
    if (i + 1 == levels) continue;
    first.set_domain("local");
    second.set_domain("local");
  }
  call(model, "f0", {"x"}, {"y"});
  EXPECT_NE(import_error(model).find("functions expand to more than"), std::string::npos);
}

}  // namespace
}  // namespace hrt::test
