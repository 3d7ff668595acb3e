// SPDX-License-Identifier: Apache-2.0
// Builds a model into the host's graph: graphs with their nested bodies, functions inline.
#pragma once

#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "adapt.hpp"
#include "node.hpp"
#include "tensor.hpp"
#include "type.hpp"

namespace hrt::importer {

using Opsets = std::map<std::string, int64_t>;  // version by domain; "" is ONNX's own

// One graph of the host's that is being filled: the main graph, or a body.
struct Level {
  sdk::Edit edit;
  Level* parent = nullptr;  // of a body: the graph around it
  int depth = 0;
  std::unordered_map<uint32_t, uint32_t> captures = {};  // by value id of the parent
  std::unordered_set<std::string> names = {};            // of values, taken or reserved
  std::unordered_map<std::string, int> suffixes = {};    // last one used, by name
};

// Where names of the file mean something: a graph, or the body of a function that is being expanded.
struct Scope {
  Level* level = nullptr;
  const Scope* outer = nullptr;  // names not found here are looked up there; a function sees no outside
  const Opsets* opsets = nullptr;
  Owner messages;        // what keeps this scope's messages alive
  bool once = false;     // they are read only now: weights may be moved out of them
  bool adapted = false;  // the graph was made by an adapter; see kCanonicalDomain
  std::string prefix;
  std::unordered_map<std::string, uint32_t> values;        // HRT_NONE: an input that was not given
  std::unordered_map<std::string, std::string> names;      // of a function's outputs: as the caller has them
  std::map<std::string, Attribute, std::less<>> bindings;  // of a function's attributes
  std::unordered_map<std::string, const onnx::TypeProto*> types;  // declared types, by value
  bool differentiated = false;  // it has a Gradient node: the nodes are kept
  std::vector<Node> nodes;      // in kOpset
};

class Importer {
 public:
  // The model's weights are moved out of it.
  Importer(std::shared_ptr<onnx::ModelProto> model, hrt_edit* edit);
  void run();

 private:
  struct Function {
    onnx::FunctionProto* proto = nullptr;
    Opsets opsets;
    std::vector<Attribute> defaults;
  };

  // graph.cpp
  void import_graph(onnx::GraphProto& graph, Scope& scope);
  void import_body(uint32_t node, const Attribute& attribute, Scope& scope);
  void add_inputs(const onnx::GraphProto& graph, Scope& scope);
  void add_initializers(onnx::GraphProto& graph, Scope& scope);
  void import_nodes(google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, Scope& scope);
  void import_node(onnx::NodeProto& proto, Scope& scope);
  Node resolve_node(onnx::NodeProto& proto, const Scope& scope);
  void add_node(Node node, Scope& scope);
  Type input_type(const onnx::TypeProto& proto, const Scope& scope);
  static Type element_type(const onnx::TypeProto& proto);

  // constant.cpp
  void add_constant_node(const Node& node, Scope& scope);
  uint32_t add_constant(onnx::TensorProto& tensor, const std::string& name, const Owner& owner, Scope& scope);
  uint32_t add_constant(const Dense& dense, const std::string& name, Scope& scope);

  // function.cpp
  void find_functions();
  const Function* function_of(const onnx::NodeProto& node) const;
  void expand(const Node& node, const Function& function, Scope& scope);

  // scope.cpp
  uint32_t find(const std::string& name, const Scope& scope, Level& level);
  uint32_t carry(uint32_t value, Level& from, Level& to);
  void bind(const std::string& name, uint32_t value, Scope& scope);
  std::string host_name(const std::string& name, const Scope& scope);
  std::string unique_name(const std::string& wanted, Level& level);
  int64_t version_of(const std::string& domain, const Scope& scope) const;  // 0: not imported
  Fact fact(const std::string& name, const Scope& scope);

  std::shared_ptr<onnx::ModelProto> model_;
  Level main_;
  Opsets opsets_;
  bool only_float32_ = false;
  std::unordered_map<std::string, int64_t> symbols_;
  std::map<std::string, Function> functions_;  // by "domain/name/overload"
  std::vector<const onnx::FunctionProto*> expanding_;
  int64_t expanded_nodes_ = 0;
};

// The nodes in an order in which producers come first; a file's order usually is one. Throws for cycles
// and for values that are made twice.
std::vector<int> topological_order(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes);

// Versions by domain, checked. "ai.onnx" is "".
Opsets opsets_of(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& imports);

// Whether no value of the model can be of a floating-point type other than float32.
bool only_float32(const onnx::ModelProto& model);

}  // namespace hrt::importer
