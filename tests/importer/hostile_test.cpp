// SPDX-License-Identifier: Apache-2.0
// Models that are broken or mean harm: a clear error, and nothing else.
#include <gtest/gtest.h>

#include "host.h"

namespace hrt::test {
namespace {

using onnx::TensorProto;

onnx::ModelProto relu_model() {
  auto model = simple_model(20);
  add_node(*model.mutable_graph(), "Relu", {"x"}, {"y"}).set_name("relu");
  return model;
}

void expect_error(const onnx::ModelProto& model, const char* text) {
  const std::string error = import_error(model);
  EXPECT_NE(error.find(text), std::string::npos) << "got: " << error;
  EXPECT_EQ(error.find("test.onnx: "), 0u) << error;
}

// A field with bytes, as protobuf writes it.
std::string field(int tag, const std::string& bytes) {
  std::string out(1, char(tag));
  size_t size = bytes.size();
  for (; size > 0x7f; size >>= 7) out.push_back(char(size | 0x80));
  out.push_back(char(size));
  return out + bytes;
}

TEST(Hostile, WhatIsNoModel) {
  for (const char* bytes : {"", "hello", "\x08\x07", "\x3a\xff\xff\xff\xff\x0f"})
    EXPECT_NE(import_error(bytes), "");
}

TEST(Hostile, DeepNesting) {
  onnx::ModelProto model = simple_model(20);
  onnx::GraphProto body;
  add_node(body, "Relu", {"x"}, {"y"});
  body.add_output()->set_name("y");
  for (int depth = 0; depth < 50; ++depth) {
    onnx::GraphProto around;
    set(add_node(around, "If", {"x"}, {"y"}), "then_branch", body);
    around.add_output()->set_name("y");
    body = around;
  }
  *model.mutable_graph()->mutable_node() = body.node();
  expect_error(model, "nested");

  // A type of thousands of sequences in each other: input, type, sequence_type, elem_type ...
  std::string type;
  for (int depth = 0; depth < 5000; ++depth) type = field(0x22, field(0x0a, type));
  EXPECT_NE(import_error(field(0x3a, field(0x5a, field(0x12, type)))).find("nested more than"),
            std::string::npos);
}

TEST(Hostile, Names) {
  auto model = relu_model();
  model.mutable_graph()->mutable_node(0)->set_op_type(std::string("Re\0lu", 5));
  expect_error(model, "operator name is not UTF-8 text");
  model = relu_model();
  model.mutable_graph()->mutable_input(0)->set_name("\xff");
  expect_error(model, "not UTF-8");
  model = relu_model();
  model.mutable_graph()->mutable_node(0)->set_domain(std::string("\0canonical", 10));
  expect_error(model, "domain name is not UTF-8 text");
}

TEST(Hostile, ValuesMadeTwice) {
  auto model = relu_model();
  add_node(*model.mutable_graph(), "Neg", {"x"}, {"y"});
  expect_error(model, "value 'y' is made twice");
  model = relu_model();
  add_node(*model.mutable_graph(), "Neg", {"x"}, {"x"});
  expect_error(model, "");
  model = relu_model();
  set_type(*model.mutable_graph()->add_input(), "x", TensorProto::FLOAT, {});
  expect_error(model, "value 'x' is made twice");
  model = relu_model();
  for (int i = 0; i < 2; ++i) add_initializer(*model.mutable_graph(), "w", TensorProto::FLOAT, {0});
  expect_error(model, "value 'w' is made twice");
}

TEST(Hostile, ValuesThatNothingMakes) {
  auto model = relu_model();
  model.mutable_graph()->mutable_node(0)->set_input(0, "nothing");
  expect_error(model, "node 'relu' (Relu, opset 20): nothing makes 'nothing'");
  model = relu_model();
  model.mutable_graph()->mutable_output(0)->set_name("nothing");
  expect_error(model, "output 'nothing': nothing makes 'nothing'");
}

TEST(Hostile, Cycles) {
  auto model = relu_model();
  auto& graph = *model.mutable_graph();
  graph.mutable_node(0)->set_input(0, "b");
  add_node(graph, "Neg", {"y"}, {"b"});
  expect_error(model, "depends on its own output");
}

TEST(Hostile, Types) {
  auto model = relu_model();
  auto& type = *model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type();
  type.set_elem_type(99);
  expect_error(model, "input 'x': element type 99 does not exist");
  type.set_elem_type(1);
  type.mutable_shape()->mutable_dim(0)->set_dim_value(-2);
  expect_error(model, "dimension -2 is negative");
  type.mutable_shape()->mutable_dim(0)->set_dim_value(1);
  for (int i = 0; i < 20; ++i) type.mutable_shape()->add_dim()->set_dim_value(1);
  expect_error(model, "above the limit");
}

TEST(Hostile, Initializers) {
  auto model = relu_model();
  auto& t = add_initializer(*model.mutable_graph(), "w", TensorProto::FLOAT, {1 << 30, 1 << 30});
  t.set_raw_data("1234");
  expect_error(model, "initializer 'w'");
  t.clear_dims();
  t.add_dims(-1);
  expect_error(model, "initializer 'w': dimension -1 is negative");
  auto sparse = relu_model();
  auto& s = *sparse.mutable_graph()->add_sparse_initializer();
  s.mutable_values()->set_name("s");
  s.mutable_values()->set_data_type(TensorProto::DOUBLE);
  s.mutable_values()->add_dims(0);
  s.mutable_indices()->set_data_type(TensorProto::INT64);
  s.mutable_indices()->add_dims(0);
  s.add_dims(int64_t(1) << 40);
  expect_error(sparse, "too large to be made dense");
}

TEST(Hostile, Constants) {
  auto model = relu_model();
  auto& node = add_node(*model.mutable_graph(), "Constant", {}, {"c"});
  expect_error(model, "a Constant has one attribute");
  set(node, "value_int", "text");
  expect_error(model, "a Constant has the attribute 'value_int' of type STRING");
}

TEST(Hostile, EveryPrefixAndEveryFlippedByteOfASmallModel) {
  auto model = relu_model();
  auto& graph = *model.mutable_graph();
  add_initializer(graph, "w", TensorProto::FLOAT, {2}).set_raw_data("12345678");
  onnx::GraphProto body;
  set(add_node(body, "Softmax", {"x"}, {"r"}), "axis", int64_t(1));
  body.add_output()->set_name("r");
  set(add_node(graph, "If", {"x"}, {"z"}), "then_branch", body);
  const std::string whole = model.SerializeAsString();
  for (size_t i = 0; i < whole.size(); ++i) {
    import_error(whole.substr(0, i));
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = whole;
      changed[i] = char(changed[i] ^ (1 << bit));
      import_error(changed);
    }
  }
}

TEST(Probe, KnowsModelsFromOtherFiles) {
  const auto probe = [](std::string_view bytes) {
    const hrt_source source = {sizeof(hrt_source), "", bytes.data(), bytes.size()};
    return importer().probe(&source);
  };
  const std::string model = relu_model().SerializeAsString();
  EXPECT_GE(probe(model), 90);
  EXPECT_GE(probe(model.substr(0, model.size() / 2)), 1);
  for (const char* other :
       {"", "\x89PNG\r\n\x1a\n", "\x1c\0\0\0TFL3", "#!/bin/sh\n", "{\"a\": 1}", "\x93NUMPY"})
    EXPECT_EQ(probe(other), 0) << other;
  EXPECT_EQ(probe(std::string(64, '\0')), 0);
}

}  // namespace
}  // namespace hrt::test
