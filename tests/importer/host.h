// SPDX-License-Identifier: Apache-2.0
// The host for the importer's tests: a registry with the importer alone, and short ways to make models.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <onnx/onnx-data_pb.h>

#include "core/base/error.h"
#include "core/graph/graph.h"
#include "core/tensor/value.h"

namespace hrt::test {

// The importer's table; the plugin is loaded once.
const hrt_importer_api& importer();

// Imports a model, without inference: operators are not looked at. Throws what the importer answered.
std::unique_ptr<Graph> import_bytes(std::string_view bytes, const std::filesystem::path& path = "test.onnx");
std::unique_ptr<Graph> import_file(const std::filesystem::path& path);
std::unique_ptr<Graph> import_model(const onnx::ModelProto& model);

// The error's message; "" when there is none.
std::string import_error(const onnx::ModelProto& model);
std::string import_error(std::string_view bytes);

ValuePtr import_value(std::string_view bytes, const Type* type);
std::string export_value(const ValuePtr& value, const char* name);

// A model with one input "x", float32 of shape 2x3x4, and the output "y".
onnx::ModelProto simple_model(int64_t opset);
onnx::NodeProto& add_node(onnx::GraphProto& graph, const char* op, const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs);
void set(onnx::NodeProto& node, const char* name, int64_t value);
void set(onnx::NodeProto& node, const char* name, float value);
void set(onnx::NodeProto& node, const char* name, const char* value);
void set(onnx::NodeProto& node, const char* name, const std::vector<int64_t>& values);
void set(onnx::NodeProto& node, const char* name, const std::vector<float>& values);
void set(onnx::NodeProto& node, const char* name, const onnx::GraphProto& value);
void set_type(onnx::ValueInfoProto& info, const char* name, int32_t dtype, const std::vector<int64_t>& dims);
onnx::TensorProto& add_initializer(onnx::GraphProto& graph, const char* name, int32_t dtype,
                                   const std::vector<int64_t>& dims);

// The only node with this operator, and its constant inputs and attributes.
const Node& node_of(const Graph& graph, std::string_view op);
bool has_op(const Graph& graph, std::string_view op);
std::vector<int64_t> constant_ints(const Graph& graph, const Node& node, size_t input);
std::vector<float> constant_floats(const Graph& graph, const Node& node, size_t input);
int64_t int_of(const Node& node, std::string_view attribute);
std::string string_of(const Node& node, std::string_view attribute);

}  // namespace hrt::test
