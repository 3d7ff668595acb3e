// SPDX-License-Identifier: Apache-2.0
// Model-local functions, expanded where they are called.
#include <algorithm>

#include "graph.hpp"

namespace hrt::importer {

using namespace sdk;

namespace {

// A few functions that call each other twice would otherwise make a graph of any size.
constexpr int64_t kMaxExpandedNodes = 1 << 18;
constexpr size_t kMaxExpansionDepth = 32;

std::string key(const std::string& domain, const std::string& name, const std::string& overload) {
  return cat(domain == "ai.onnx" ? "" : domain, "/", name, "/", overload);
}

}  // namespace

void Importer::find_functions() {
  for (auto& f : *model_->mutable_functions()) {
    checked_name(f.name(), "function");
    Function function{&f, opsets_of(f.opset_import()), {}};
    for (auto& a : attribute_defaults(f)) {
      auto proto = std::make_shared<onnx::AttributeProto>(std::move(a));
      function.defaults.push_back({proto->name(), proto});
    }
    const bool fresh = functions_.emplace(key(f.domain(), f.name(), overload(f)), std::move(function)).second;
    require(fresh, "function '", f.name(), "' of domain '", f.domain(), "' is defined twice");
  }
}

const Importer::Function* Importer::function_of(const onnx::NodeProto& node) const {
  if (functions_.empty()) return nullptr;
  const auto it = functions_.find(key(node.domain(), node.op_type(), overload(node)));
  return it == functions_.end() ? nullptr : &it->second;
}

void Importer::expand(const Node& node, const Function& function, Scope& scope) {
  onnx::FunctionProto& f = *function.proto;
  require(std::ranges::find(expanding_, &f) == expanding_.end(), "function '", f.name(), "' calls itself");
  require(expanding_.size() < kMaxExpansionDepth, "functions are nested more than ", kMaxExpansionDepth,
          " deep");
  expanded_nodes_ += f.node_size();
  require(expanded_nodes_ <= kMaxExpandedNodes, "functions expand to more than ", kMaxExpandedNodes,
          " nodes");
  require(int(node.inputs.size()) <= f.input_size() && int(node.outputs.size()) <= f.output_size(),
          "it has more inputs or outputs than function '", f.name(), "'");

  Scope inner;
  inner.level = scope.level;
  inner.opsets = &function.opsets;
  inner.messages = model_;
  inner.prefix = cat(scope.prefix, node.name.empty() ? f.name() : node.name, "/");
  for (const Attribute& a : function.defaults) inner.bindings[a.name] = a;
  for (const Attribute& a : node.attributes) inner.bindings[a.name] = a;
  for (int i = 0; i < f.input_size(); ++i)
    bind(f.input(i), find(node.input(size_t(i)), scope, *scope.level), inner);
  for (size_t i = 0; i < node.outputs.size(); ++i)
    if (!node.outputs[i].empty()) inner.names[f.output(int(i))] = host_name(node.outputs[i], scope);

  expanding_.push_back(&f);
  import_nodes(*f.mutable_node(), inner);
  expanding_.pop_back();
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    const std::string& formal = f.output(int(i));
    uint32_t value = find(formal, inner, *scope.level);
    // An input that is handed on as an output gets a value, and a name, of its own.
    if (std::ranges::find(f.input(), formal) != f.input().end()) {
      require(value != HRT_NONE, "function '", f.name(), "' hands on its input '", formal,
              "', which is not given");
      const char* name = inner.names.at(formal).c_str();
      value = scope.level->edit.add_node("", "Identity", {&value, 1}, {&name, 1}).outputs[0];
    }
    bind(node.outputs[i], value, scope);
  }
}

}  // namespace hrt::importer
