// SPDX-License-Identifier: Apache-2.0
// Graphs: inputs, outputs, initialisers, constants, bodies, order of nodes.
#include <fstream>

#include <gtest/gtest.h>

#include "host.h"

namespace hrt::test {
namespace {

using onnx::TensorProto;

onnx::ModelProto relu_model() {
  auto model = simple_model(20);
  add_node(*model.mutable_graph(), "Relu", {"x"}, {"y"});
  return model;
}

TEST(Model, BecomesAGraphOfTheCanonicalOpset) {
  auto model = relu_model();
  auto& property = *model.add_metadata_props();
  property.set_key("author");
  property.set_value("someone");
  const auto graph = import_model(model);
  EXPECT_EQ(graph->name(), "test");
  EXPECT_EQ(graph->opsets().at(""), 28);
  EXPECT_EQ(graph->metadata().at("author"), "someone");
  ASSERT_EQ(graph->inputs().size(), 1u);
  EXPECT_EQ(graph->value(graph->inputs()[0]).type, Type::tensor(HRT_FLOAT32, {2, 3, 4}));
  EXPECT_EQ(graph->output_names(), std::vector<std::string>{"y"});
}

TEST(Model, DomainAiOnnxIsTheStandardsOwn) {
  auto model = relu_model();
  model.mutable_opset_import(0)->set_domain("ai.onnx");
  model.mutable_graph()->mutable_node(0)->set_domain("ai.onnx");
  EXPECT_EQ(node_of(*import_model(model), "Relu").domain, "");
}

TEST(Model, OfANewerOpsetIsRefused) {
  EXPECT_NE(import_error(simple_model(29)).find("version 29 is newer than 28"), std::string::npos);
}

TEST(Model, WithoutAVersionOfAUsedOperatorSetIsRefused) {
  auto model = relu_model();
  model.mutable_graph()->mutable_node(0)->set_domain("acme");
  EXPECT_NE(import_error(model).find("imports no version of operator set 'acme'"), std::string::npos);
}

// What exporters and ONNX Runtime's optimiser emit: a domain with a version of its own, and in the standard's
// domain an operator that the standard never had.
TEST(Model, OperatorsOfOnnxRuntimeAreLost) {
  for (const int64_t opset : {12, 20}) {
    auto model = simple_model(opset);
    auto& import = *model.add_opset_import();
    import.set_domain("com.microsoft");
    import.set_version(1);
    auto& skip = add_node(*model.mutable_graph(), "SkipLayerNormalization", {"x", "x", "gamma"}, {"z"});
    skip.set_domain("com.microsoft");
    set(skip, "epsilon", 0.5f);
    set(add_node(*model.mutable_graph(), "SimplifiedLayerNormalization", {"z", "gamma"}, {"y"}), "axis",
        int64_t(-1));
    add_initializer(*model.mutable_graph(), "gamma", TensorProto::FLOAT, {4})
        .set_raw_data(std::string(4 * sizeof(float), '\0'));
    const auto graph = import_model(model);
    EXPECT_EQ(graph->opsets().at("com.microsoft"), 1);
    EXPECT_EQ(node_of(*graph, "SkipLayerNormalization").domain, "com.microsoft");
    EXPECT_EQ(node_of(*graph, "SkipLayerNormalization").inputs.size(), 3u);
    EXPECT_EQ(node_of(*graph, "SimplifiedLayerNormalization").domain, "");
    EXPECT_EQ(int_of(node_of(*graph, "SimplifiedLayerNormalization"), "axis"), -1);
  }
}

TEST(Inputs, NamedDimensionsAreSymbolsAndUnnamedOnesAreDistinct) {
  auto model = relu_model();
  for (const char* name : {"a", "b"}) {
    auto& info = *model.mutable_graph()->add_input();
    set_type(info, name, TensorProto::FLOAT, {});
    auto& shape = *info.mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.add_dim()->set_dim_param("batch");
    shape.add_dim();
    shape.add_dim()->set_dim_value(-1);  // how old exporters wrote "any"
  }
  const auto graph = import_model(model);
  const auto a = graph->value(graph->inputs()[1]).type.dims();
  const auto b = graph->value(graph->inputs()[2]).type.dims();
  EXPECT_TRUE(HRT_DIM_IS_SYMBOL(a[0]));
  EXPECT_EQ(a[0], b[0]);
  EXPECT_EQ(graph->symbol_name(a[0]), "batch");
  for (const int64_t d : {a[1], a[2], b[1], b[2]}) EXPECT_TRUE(HRT_DIM_IS_SYMBOL(d));
  EXPECT_NE(a[1], a[2]);
  EXPECT_NE(a[1], b[1]);
}

TEST(Types, OfComputedValuesAreDeclaredWithoutTheirShapes) {
  auto model = relu_model();
  set_type(*model.mutable_graph()->mutable_output(0), "y", TensorProto::FLOAT, {7, 7});  // stale
  const auto graph = import_model(model);
  EXPECT_EQ(graph->value(graph->outputs()[0]).type, Type::tensor(HRT_FLOAT32));
}

TEST(Types, DeclareRanksForAdapters) {
  auto model = simple_model(11);
  auto& graph = *model.mutable_graph();
  add_node(graph, "Foo", {"x"}, {"z"});
  add_node(graph, "Softmax", {"z"}, {"y"});
  EXPECT_TRUE(has_op(*import_model(model), "Flatten"));
  set_type(*graph.add_value_info(), "z", TensorProto::FLOAT, {5, 10});
  EXPECT_FALSE(has_op(*import_model(model), "Flatten"));
}

TEST(Inputs, SequencesOptionalsAndMaps) {
  auto model = relu_model();
  auto& type = *model.mutable_graph()->add_input();
  type.set_name("s");
  type.mutable_type()
      ->mutable_optional_type()
      ->mutable_elem_type()
      ->mutable_sequence_type()
      ->mutable_elem_type()
      ->mutable_tensor_type()
      ->set_elem_type(TensorProto::INT64);
  const auto graph = import_model(model);
  EXPECT_EQ(to_string(graph->value(graph->inputs()[1]).type), "optional(seq(int64[...]))");
}

TEST(Initializers, AreConstantsEvenWhenTheyAreInputs) {
  auto model = relu_model();
  auto& graph = *model.mutable_graph();
  add_initializer(graph, "w", TensorProto::FLOAT, {2}).mutable_float_data()->Add(1.5f);
  graph.mutable_initializer(0)->add_float_data(2.5f);
  set_type(*graph.add_input(), "w", TensorProto::FLOAT, {2});
  add_node(graph, "Mul", {"x", "w"}, {"z"});
  const auto imported = import_model(model);
  EXPECT_EQ(imported->inputs().size(), 1u);
  EXPECT_EQ(constant_floats(*imported, node_of(*imported, "Mul"), 1), (std::vector<float>{1.5f, 2.5f}));
}

TEST(Initializers, StayWhereTheyAreAndOutliveTheModel) {
  auto model = relu_model();
  auto& graph = *model.mutable_graph();
  std::string raw(4096, '\0');
  for (size_t i = 0; i < raw.size(); ++i) raw[i] = char(i * 7);
  add_initializer(graph, "w", TensorProto::INT8, {64, 64}).set_raw_data(raw);
  add_node(graph, "Foo", {"w"}, {"z"});
  const auto imported = import_model(model);
  const auto& w = imported->value(node_of(*imported, "Foo").inputs[0]);
  ASSERT_TRUE(w.constant && w.constant->owner());
  EXPECT_EQ(std::string(w.constant->data_as<char>(), 4096), raw);
}

TEST(Initializers, SparseOnesAreMadeDense) {
  auto model = relu_model();
  auto& graph = *model.mutable_graph();
  auto& sparse = *graph.add_sparse_initializer();
  sparse.add_dims(2);
  sparse.add_dims(3);
  sparse.mutable_values()->set_name("s");
  sparse.mutable_values()->set_data_type(TensorProto::FLOAT);
  sparse.mutable_values()->add_dims(2);
  sparse.mutable_values()->add_float_data(7);
  sparse.mutable_values()->add_float_data(9);
  sparse.mutable_indices()->set_data_type(TensorProto::INT64);
  sparse.mutable_indices()->add_dims(2);
  sparse.mutable_indices()->add_dims(2);
  for (const int64_t i : {0, 1, 1, 2}) sparse.mutable_indices()->add_int64_data(i);
  add_node(graph, "Foo", {"s"}, {"z"});
  const auto imported = import_model(model);
  const Node& foo = node_of(*imported, "Foo");
  EXPECT_EQ(imported->value(foo.inputs[0]).type, Type::tensor(HRT_FLOAT32, {2, 3}));
  EXPECT_EQ(constant_floats(*imported, foo, 0), (std::vector<float>{0, 7, 0, 0, 0, 9}));
  sparse.mutable_indices()->set_int64_data(1, 3);
  EXPECT_NE(import_error(model).find("sparse index 3 is outside of dimension 1"), std::string::npos);
}

TEST(Constants, InAllTheirForms) {
  auto model = simple_model(13);
  auto& graph = *model.mutable_graph();
  set(add_node(graph, "Constant", {}, {"i"}), "value_int", int64_t(5));
  set(add_node(graph, "Constant", {}, {"is"}), "value_ints", std::vector<int64_t>{5, 6});
  set(add_node(graph, "Constant", {}, {"f"}), "value_float", 0.5f);
  set(add_node(graph, "Constant", {}, {"fs"}), "value_floats", std::vector<float>{0.5f, 0.25f});
  set(add_node(graph, "Constant", {}, {"s"}), "value_string", "text");
  auto& tensor = *add_node(graph, "Constant", {}, {"t"}).add_attribute();
  tensor.set_name("value");
  tensor.set_type(onnx::AttributeProto::TENSOR);
  tensor.mutable_t()->set_data_type(TensorProto::INT32);
  tensor.mutable_t()->add_int32_data(-3);
  add_node(graph, "Foo", {"i", "is", "f", "fs", "s", "t"}, {"y"});
  const auto imported = import_model(model);
  const Node& foo = node_of(*imported, "Foo");
  const auto value = [&](size_t i) -> const Tensor& { return *imported->value(foo.inputs[i]).constant; };
  EXPECT_EQ(constant_ints(*imported, foo, 0), std::vector<int64_t>{5});
  EXPECT_TRUE(value(0).dims().empty());
  EXPECT_EQ(constant_ints(*imported, foo, 1), (std::vector<int64_t>{5, 6}));
  EXPECT_EQ(constant_floats(*imported, foo, 2), std::vector<float>{0.5f});
  EXPECT_EQ(constant_floats(*imported, foo, 3), (std::vector<float>{0.5f, 0.25f}));
  EXPECT_EQ(value(4).string(0), "text");
  EXPECT_EQ(*value(5).data_as<int32_t>(), -3);
  EXPECT_FALSE(has_op(*imported, "Constant"));
}

TEST(Nodes, KeepAttributesOfAllKinds) {
  auto model = simple_model(20);
  auto& node = add_node(*model.mutable_graph(), "Foo", {"x", "", "x", ""}, {"", "y"});
  node.set_name("foo");
  set(node, "i", int64_t(1));
  set(node, "f", 2.5f);
  set(node, "s", "three");
  set(node, "is", std::vector<int64_t>{4, 5});
  set(node, "fs", std::vector<float>{6});
  auto& strings = *node.add_attribute();
  strings.set_name("ss");
  strings.set_type(onnx::AttributeProto::STRINGS);
  strings.add_strings("seven");
  auto& tensor = *node.add_attribute();
  tensor.set_name("t");
  tensor.set_type(onnx::AttributeProto::TENSOR);
  tensor.mutable_t()->set_data_type(TensorProto::FLOAT);
  tensor.mutable_t()->add_float_data(8);
  auto& type = *node.add_attribute();
  type.set_name("tp");
  type.set_type(onnx::AttributeProto::TYPE_PROTO);
  type.mutable_tp()->mutable_tensor_type()->set_elem_type(TensorProto::BOOL);
  auto& untyped = *node.add_attribute();  // as IR version 1 had them
  untyped.set_name("old");
  untyped.set_i(9);
  const auto graph = import_model(model);
  const Node& foo = node_of(*graph, "Foo");
  EXPECT_EQ(foo.name, "foo");
  ASSERT_EQ(foo.inputs.size(), 3u);  // what is absent at the end is left out
  EXPECT_EQ(foo.inputs[1], HRT_NONE);
  ASSERT_EQ(foo.outputs.size(), 2u);
  EXPECT_EQ(foo.outputs[0], HRT_NONE);
  EXPECT_EQ(int_of(foo, "i"), 1);
  EXPECT_EQ(std::get<float>(foo.find("f")->data), 2.5f);
  EXPECT_EQ(string_of(foo, "s"), "three");
  EXPECT_EQ(std::get<std::vector<int64_t>>(foo.find("is")->data), (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(std::get<std::vector<float>>(foo.find("fs")->data), std::vector<float>{6});
  EXPECT_EQ(std::get<std::shared_ptr<const StringList>>(foo.find("ss")->data)->texts[0], "seven");
  EXPECT_EQ(*std::get<std::shared_ptr<const TensorView>>(foo.find("t")->data)->tensor.data_as<float>(), 8);
  EXPECT_EQ(std::get<Type>(foo.find("tp")->data), Type::tensor(HRT_BOOL));
  EXPECT_EQ(int_of(foo, "old"), 9);
}

TEST(Nodes, MayComeInAnyOrder) {
  auto model = simple_model(20);
  add_node(*model.mutable_graph(), "Relu", {"b"}, {"y"});
  add_node(*model.mutable_graph(), "Exp", {"a"}, {"b"});
  add_node(*model.mutable_graph(), "Neg", {"x"}, {"a"});
  const auto graph = import_model(model);
  EXPECT_EQ(graph->node(graph->nodes()[0]).op, "Neg");
  EXPECT_EQ(graph->node(graph->nodes()[2]).op, "Relu");
}

TEST(Bodies, CaptureThroughEveryLevel) {
  auto model = simple_model(20);
  onnx::GraphProto inner, outer;
  inner.set_name("inner");
  add_node(inner, "Add", {"x", "t"}, {"q"});
  inner.add_output()->set_name("q");
  outer.set_name("outer");
  set(add_node(outer, "If", {"c"}, {"r"}), "then_branch", inner);
  outer.add_output()->set_name("r");
  auto& graph = *model.mutable_graph();
  set_type(*graph.add_input(), "c", TensorProto::BOOL, {});
  add_node(graph, "Neg", {"x"}, {"t"});
  set(add_node(graph, "If", {"c"}, {"y"}), "then_branch", outer);
  const auto imported = import_model(model);
  const Node& outer_if = node_of(*imported, "If");
  const Graph& body = *std::get<std::shared_ptr<Graph>>(outer_if.find("then_branch")->data);
  EXPECT_EQ(body.captures().size(), 3u);  // c, x and t
  const Graph& nested = *std::get<std::shared_ptr<Graph>>(node_of(body, "If").find("then_branch")->data);
  ASSERT_EQ(nested.captures().size(), 2u);
  const Node& add = node_of(nested, "Add");
  for (size_t i = 0; i < 2; ++i) {
    const Capture& in = nested.captures()[i];
    EXPECT_EQ(add.inputs[i], in.inner);
    const auto middle = std::ranges::find(body.captures(), in.outer, &Capture::inner);
    ASSERT_NE(middle, body.captures().end());
    EXPECT_EQ(imported->value(middle->outer).name, i == 0 ? "x" : "t");
  }
}

TEST(Bodies, HaveNamesOfTheirOwn) {
  auto model = simple_model(20);
  onnx::GraphProto body;
  add_node(body, "Neg", {"x"}, {"t"});  // "t" is a value outside, too
  body.add_output()->set_name("t");
  auto& graph = *model.mutable_graph();
  add_node(graph, "Abs", {"x"}, {"t"});
  set(add_node(graph, "Foo", {"t"}, {"y"}), "body", body);
  const auto imported = import_model(model);
  const Graph& nested = *std::get<std::shared_ptr<Graph>>(node_of(*imported, "Foo").find("body")->data);
  EXPECT_EQ(nested.captures().size(), 1u);
  EXPECT_EQ(nested.outputs()[0], node_of(nested, "Neg").outputs[0]);
}

class ExternalData : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::path(testing::TempDir()) /
                 ("external_" + std::to_string(getpid()) + "_" +
                  testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / "weights.bin", std::ios::binary) << std::string("!\1\0\0\0\2\0\0\0", 9);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  onnx::ModelProto model(const char* location, const char* offset, const char* length) {
    auto model = relu_model();
    auto& t = add_initializer(*model.mutable_graph(), "w", TensorProto::INT32, {2});
    t.set_data_location(TensorProto::EXTERNAL);
    const char* entries[][2] = {{"location", location}, {"offset", offset}, {"length", length}};
    for (const auto& [key, value] : entries) {
      auto& e = *t.add_external_data();
      e.set_key(key);
      e.set_value(value);
    }
    add_node(*model.mutable_graph(), "Foo", {"w"}, {"z"});
    return model;
  }
  std::string error(const onnx::ModelProto& m) {
    try {
      import_bytes(m.SerializeAsString(), directory_ / "model.onnx");
      return "";
    } catch (const Error& e) {
      return e.message();
    }
  }
  std::filesystem::path directory_;
};

TEST_F(ExternalData, IsReadAtAnyOffset) {
  const auto graph =
      import_bytes(model("weights.bin", "1", "8").SerializeAsString(), directory_ / "model.onnx");
  const auto& w = graph->value(node_of(*graph, "Foo").inputs[0]);
  EXPECT_EQ(w.constant->data_as<int32_t>()[0], 1);
  EXPECT_EQ(w.constant->data_as<int32_t>()[1], 2);
}

TEST_F(ExternalData, ThatIsMissingOrLiesIsRefused) {
  const std::string missing = error(model("nothing.bin", "0", "8"));
  EXPECT_NE(missing.find("initializer 'w'"), std::string::npos) << missing;
  EXPECT_NE(missing.find("nothing.bin"), std::string::npos) << missing;
  EXPECT_NE(error(model("weights.bin", "0", "9")), "");
  EXPECT_NE(error(model("weights.bin", "2", "8")), "");
  EXPECT_NE(error(model("weights.bin", "-1", "8")).find("'-1' is not a number"), std::string::npos);
  EXPECT_NE(error(model("weights.bin", "18446744073709551615", "8")), "");
  EXPECT_NE(error(model("../weights.bin", "1", "8")), "");
  EXPECT_NE(error(model("", "1", "8")).find("without a location"), std::string::npos);
}

}  // namespace
}  // namespace hrt::test
