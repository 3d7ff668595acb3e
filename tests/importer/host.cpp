// SPDX-License-Identifier: Apache-2.0
#include "host.h"

#include <stdexcept>

#include "core/base/mapped_file.h"
#include "core/plugin/host.h"
#include "core/plugin/kernel.h"
#include "core/plugin/registry.h"
#include "core/plugin/status.h"

namespace hrt::test {

namespace {

// A registry with the importer; loaded once.
Registry& registry() {
  static Registry* const made = [] {
    // The importer needs neither threads nor passes, but a plugin is only loaded when all tables are there.
    static const hrt_run_api run = {};
    static const hrt_pass_host_api pass = {};
    provide_host_interface("hrt.host.run/1", &run);
    provide_host_interface("hrt.host.pass/1", &pass);
    static Registry registry({HRT_PLUGIN_DIR});
    return &registry;
  }();
  return *made;
}

}  // namespace

const hrt_importer_api& importer() {
  static const hrt_importer_api* const api = [] {
    for (const auto& p : registry().importers())
      if (std::string_view(p.api->name) == "onnx") return p.api;
    for (const Plugin& p : registry().load_all())
      if (!p.reason.empty()) fprintf(stderr, "%s: %s\n", p.manifest.file.c_str(), p.reason.c_str());
    throw std::runtime_error("the ONNX importer was not loaded from " HRT_PLUGIN_DIR);
  }();
  return *api;
}

namespace {

hrt_source source_of(std::string_view bytes, const char* path) {
  return {sizeof(hrt_source), path, bytes.data(), bytes.size()};
}

}  // namespace

std::unique_ptr<Graph> import_bytes(std::string_view bytes, const std::filesystem::path& path) {
  auto graph = std::make_unique<Graph>();
  Transaction t(*graph);
  const ModelDirectory directory(t, path.parent_path());
  const hrt_source source = source_of(bytes, path.c_str());
  check(importer().import_model(&source, &t), "");
  t.commit();
  verify_structure(*graph);
  return graph;
}

std::unique_ptr<Graph> import_file(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return import_bytes({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()}, path);
}

std::unique_ptr<Graph> import_model(const onnx::ModelProto& model) {
  return import_bytes(model.SerializeAsString());
}

std::string import_error(std::string_view bytes) {
  try {
    import_bytes(bytes);
    return "";
  } catch (const Error& e) {
    return e.message();
  }
}

std::string import_error(const onnx::ModelProto& model) { return import_error(model.SerializeAsString()); }

ValuePtr import_value(std::string_view bytes, const Type* type) {
  hrt_kernel call;
  call.outputs.resize(1);
  const hrt_source source = source_of(bytes, "value.pb");
  check(importer().import_value(&source, type ? &type->c() : nullptr, &call), "");
  return call.outputs[0].result;
}

std::string export_value(const ValuePtr& value, const char* name) {
  std::string bytes;
  const auto append = [](void* user, const void* data, size_t size) -> hrt_status* {
    static_cast<std::string*>(user)->append(static_cast<const char*>(data), size);
    return nullptr;
  };
  importer();  // the importer's own error when it is not there
  check(registry().exporters().front().api->export_value(value.get(), name, append, &bytes), "");
  return bytes;
}

onnx::ModelProto simple_model(int64_t opset) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(opset);
  model.mutable_graph()->set_name("test");
  set_type(*model.mutable_graph()->add_input(), "x", onnx::TensorProto::FLOAT, {2, 3, 4});
  model.mutable_graph()->add_output()->set_name("y");
  return model;
}

onnx::NodeProto& add_node(onnx::GraphProto& graph, const char* op, const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(op);
  for (const auto& i : inputs) node.add_input(i);
  for (const auto& o : outputs) node.add_output(o);
  return node;
}

namespace {

onnx::AttributeProto& add(onnx::NodeProto& node, const char* name, onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(type);
  return a;
}

}  // namespace

void set(onnx::NodeProto& node, const char* name, int64_t value) {
  add(node, name, onnx::AttributeProto::INT).set_i(value);
}
void set(onnx::NodeProto& node, const char* name, float value) {
  add(node, name, onnx::AttributeProto::FLOAT).set_f(value);
}
void set(onnx::NodeProto& node, const char* name, const char* value) {
  add(node, name, onnx::AttributeProto::STRING).set_s(value);
}
void set(onnx::NodeProto& node, const char* name, const std::vector<int64_t>& values) {
  add(node, name, onnx::AttributeProto::INTS).mutable_ints()->Add(values.begin(), values.end());
}
void set(onnx::NodeProto& node, const char* name, const std::vector<float>& values) {
  add(node, name, onnx::AttributeProto::FLOATS).mutable_floats()->Add(values.begin(), values.end());
}
void set(onnx::NodeProto& node, const char* name, const onnx::GraphProto& value) {
  *add(node, name, onnx::AttributeProto::GRAPH).mutable_g() = value;
}

void set_type(onnx::ValueInfoProto& info, const char* name, int32_t dtype, const std::vector<int64_t>& dims) {
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(dtype);
  tensor.mutable_shape();
  for (const int64_t d : dims) tensor.mutable_shape()->add_dim()->set_dim_value(d);
}

onnx::TensorProto& add_initializer(onnx::GraphProto& graph, const char* name, int32_t dtype,
                                   const std::vector<int64_t>& dims) {
  onnx::TensorProto& t = *graph.add_initializer();
  t.set_name(name);
  t.set_data_type(dtype);
  for (const int64_t d : dims) t.add_dims(d);
  return t;
}

const Node& node_of(const Graph& graph, std::string_view op) {
  const Node* found = nullptr;
  for (const NodeId id : graph.nodes()) {
    if (graph.node(id).op != op) continue;
    if (found) throw std::runtime_error("several nodes " + std::string(op) + "\n" + to_text(graph));
    found = &graph.node(id);
  }
  if (!found) throw std::runtime_error("no node " + std::string(op) + "\n" + to_text(graph));
  return *found;
}

bool has_op(const Graph& graph, std::string_view op) {
  for (const NodeId id : graph.nodes())
    if (graph.node(id).op == op) return true;
  return false;
}

namespace {

template <class T>
std::vector<T> constant_of(const Graph& graph, const Node& node, size_t input) {
  const ValueDef& v = graph.value(node.inputs.at(input));
  if (!v.constant) throw std::runtime_error(v.name + " is not a constant\n" + to_text(graph));
  const T* data = v.constant->data_as<T>();
  return {data, data + v.constant->size()};
}

}  // namespace

std::vector<int64_t> constant_ints(const Graph& graph, const Node& node, size_t input) {
  return constant_of<int64_t>(graph, node, input);
}

std::vector<float> constant_floats(const Graph& graph, const Node& node, size_t input) {
  return constant_of<float>(graph, node, input);
}

int64_t int_of(const Node& node, std::string_view attribute) {
  return std::get<int64_t>(node.find(attribute)->data);
}

std::string string_of(const Node& node, std::string_view attribute) {
  return std::get<std::string>(node.find(attribute)->data);
}

}  // namespace hrt::test
