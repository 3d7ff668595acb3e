// SPDX-License-Identifier: Apache-2.0
#include "graph.hpp"

#include <algorithm>

#include "attribute.hpp"
#include "gradient.hpp"

namespace hrt::importer {

using namespace sdk;

namespace {

// Bodies in bodies, and functions in functions, together: each level takes stack.
constexpr int kMaxDepth = 64;

std::string domain_of(const std::string& domain) {
  return checked_name(domain, "domain") == "ai.onnx" ? "" : domain;
}

// Adds where it happened to what went wrong.
template <class F>
auto within(const std::string& where, F&& f) {
  try {
    return f();
  } catch (const Error& e) {
    throw Error(e.code(), cat(where, ": ", e.what()));
  }
}

}  // namespace

Opsets opsets_of(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& imports) {
  Opsets out;
  for (const auto& o : imports) {
    const std::string domain = domain_of(o.domain());
    require(o.version() > 0, "operator set '", domain, "' has version ", o.version());
    const int64_t newest = domain.empty() ? kOpset : domain == kMlDomain ? kMlOpset : INT64_MAX;
    if (o.version() > newest)
      unsupported("operator set '", domain, "' version ", o.version(), " is newer than ", newest);
    out[domain] = o.version();
  }
  return out;
}

Importer::Importer(std::shared_ptr<onnx::ModelProto> model, hrt_edit* edit)
    : model_(std::move(model)), main_{Edit(edit)} {}

void Importer::run() {
  require(model_->has_graph(), "not an ONNX model: it has no graph");
  opsets_ = opsets_of(model_->opset_import());
  if (opsets_.empty() && model_->ir_version() < 3) opsets_[""] = 1;
  only_float32_ = only_float32(*model_);
  find_functions();
  for (const auto& [domain, version] : opsets_) {
    const int64_t canonical = domain.empty() ? kOpset : domain == kMlDomain ? kMlOpset : version;
    check(g_host.edit->set_opset(main_.edit.c(), domain.c_str(), canonical));
  }
  for (const auto& entry : model_->metadata_props())
    check(g_host.edit->set_metadata(main_.edit.c(), checked_name(entry.key(), "property").c_str(),
                                    entry.value().data(), entry.value().size()));
  check(g_host.edit->set_name(main_.edit.c(), checked_name(model_->graph().name(), "graph").c_str()));
  Scope scope;
  scope.level = &main_;
  scope.opsets = &opsets_;
  scope.messages = model_;
  scope.once = true;
  import_graph(*model_->mutable_graph(), scope);
}

void Importer::import_graph(onnx::GraphProto& graph, Scope& scope) {
  auto& reserved = scope.level->names;
  for (const auto& v : graph.input()) reserved.insert(v.name());
  for (const auto& t : graph.initializer()) reserved.insert(t.name());
  for (const auto& n : graph.node()) reserved.insert(n.output().begin(), n.output().end());
  for (const auto* infos : {&graph.value_info(), &graph.output()})
    for (const auto& v : *infos)
      if (v.has_type()) scope.types[v.name()] = &v.type();

  add_inputs(graph, scope);
  add_initializers(graph, scope);
  import_nodes(*graph.mutable_node(), scope);
  std::vector<uint32_t> outputs;
  for (const auto& v : graph.output())
    within(cat("output '", v.name(), "'"), [&] {
      require(!v.name().empty(), "it has no name");
      outputs.push_back(find(v.name(), scope, *scope.level));
    });
  scope.level->edit.set_outputs(outputs);
}

// Inputs with an initialiser are constants: before IR version 4 every initialiser had to be an input, and
// what stands there since is a default that hardly any caller overrides.
void Importer::add_inputs(const onnx::GraphProto& graph, Scope& scope) {
  std::unordered_set<std::string_view> initialised;
  for (const auto& t : graph.initializer()) initialised.insert(t.name());
  for (const auto& t : graph.sparse_initializer()) initialised.insert(t.values().name());
  for (const auto& v : graph.input())
    within(cat("input '", v.name(), "'"), [&] {
      require(!checked_name(v.name(), "value").empty(), "it has no name");
      if (initialised.contains(v.name())) return;
      Type type = input_type(v.type(), scope);
      bind(v.name(), scope.level->edit.add_input(v.name().c_str(), type.c()), scope);
    });
}

void Importer::add_initializers(onnx::GraphProto& graph, Scope& scope) {
  const auto add = [&](const std::string& name, auto&& make) {
    within(cat("initializer '", name, "'"), [&] {
      require(!checked_name(name, "value").empty(), "it has no name");
      bind(name, make(), scope);
    });
  };
  for (auto& t : *graph.mutable_initializer())
    add(t.name(), [&] { return add_constant(t, t.name(), scope.once ? nullptr : scope.messages, scope); });
  for (auto& t : *graph.mutable_sparse_initializer())
    add(t.values().name(), [&] { return add_constant(decode(t), t.values().name(), scope); });
}

void Importer::import_nodes(google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, Scope& scope) {
  scope.differentiated =
      std::ranges::any_of(nodes, [](const auto& n) { return is_gradient(n.domain(), n.op_type()); });
  for (const int i : topological_order(nodes)) import_node(nodes[i], scope);
}

void Importer::import_node(onnx::NodeProto& proto, Scope& scope) {
  const bool wanted = std::ranges::any_of(proto.output(), [](const auto& o) { return !o.empty(); });
  if (!wanted) return;  // operators have no effect but their outputs
  Node node = resolve_node(proto, scope);
  within(describe(node), [&] {
    if (const Function* function = function_of(proto)) return expand(node, *function, scope);
    require(node.version > 0, "the model imports no version of operator set '", node.domain, "'");
    const ModelFacts facts{[&](const std::string& name) { return fact(name, scope); }, only_float32_};
    const bool gradient = is_gradient(node.domain, node.op);
    for (Node& n :
         gradient ? expand_gradient(std::move(node), scope.nodes, facts) : adapt(std::move(node), facts)) {
      if (scope.differentiated) scope.nodes.push_back(n);
      add_node(std::move(n), scope);
    }
  });
}

Node Importer::resolve_node(onnx::NodeProto& proto, const Scope& scope) {
  Node node;
  node.op = checked_name(proto.op_type(), "operator");
  node.name = checked_name(proto.name(), "node");
  const bool canonical = scope.adapted && proto.domain() == kCanonicalDomain;
  node.domain = canonical ? "" : domain_of(proto.domain());
  node.version = canonical ? kOpset : version_of(node.domain, scope);
  for (const auto& i : proto.input()) node.inputs.push_back(checked_name(i, "value"));
  for (const auto& o : proto.output()) node.outputs.push_back(checked_name(o, "value"));
  for (auto& a : *proto.mutable_attribute()) {
    checked_name(a.name(), "attribute");
    if (a.ref_attr_name().empty()) {
      node.attributes.push_back({a.name(), {scope.messages, &a}, &scope});
    } else if (const auto it = scope.bindings.find(a.ref_attr_name()); it != scope.bindings.end()) {
      node.attributes.push_back({a.name(), it->second.proto, it->second.scope});
    }
  }
  return node;
}

void Importer::add_node(Node node, Scope& scope) {
  if (node.domain.empty() && node.op == "Constant") return add_constant_node(node, scope);
  Level& level = *scope.level;
  while (!node.inputs.empty() && node.inputs.back().empty()) node.inputs.pop_back();
  std::vector<uint32_t> inputs;
  for (const auto& name : node.inputs) inputs.push_back(find(name, scope, level));
  std::vector<std::string> names;
  for (const auto& name : node.outputs) names.push_back(name.empty() ? "" : host_name(name, scope));
  std::vector<const char*> c_names;
  for (const auto& name : names) c_names.push_back(name.c_str());

  const AttributeList attributes(node.attributes);
  const std::string name = node.name.empty() ? "" : scope.prefix + node.name;
  const auto added = level.edit.add_node(node.domain.c_str(), node.op.c_str(), inputs, c_names,
                                         attributes.c(), name.c_str());
  for (const Attribute& a : node.attributes)
    if (is_graph(a)) import_body(added.node, a, scope);

  for (size_t i = 0; i < node.outputs.size(); ++i) {
    bind(node.outputs[i], added.outputs[i], scope);
    const auto type = scope.types.find(node.outputs[i]);
    if (node.outputs[i].empty() || type == scope.types.end()) continue;
    within(cat("the declared type of '", node.outputs[i], "'"),
           [&] { level.edit.set_type(added.outputs[i], element_type(*type->second).c()); });
  }
}

void Importer::import_body(uint32_t node, const Attribute& attribute, Scope& scope) {
  require(scope.level->depth + int(expanding_.size()) < kMaxDepth,
          "bodies and functions are nested more than ", kMaxDepth, " deep");
  onnx::GraphProto& graph = *attribute.proto->mutable_g();
  within(cat("body '", attribute.name, "'"), [&] {
    const char* name = checked_name(graph.name(), "graph").c_str();
    Level level{scope.level->edit.add_body(node, attribute.name.c_str(), name), scope.level,
                scope.level->depth + 1};
    // A body that a function was given looks up names where it was written; one that an adapter made,
    // where the node stands.
    const Scope& around = attribute.scope ? *attribute.scope : scope;
    Scope inner;
    inner.level = &level;
    inner.outer = &around;
    inner.opsets = around.opsets;
    inner.messages = attribute.proto;
    inner.adapted = !attribute.scope;
    inner.once = inner.adapted || (scope.once && around.once);
    inner.bindings = around.bindings;
    import_graph(graph, inner);
  });
}

// Symbols are the named dimensions of the model's inputs, and a new one for each that has no name: they
// are numbers as soon as the inputs are.
Type Importer::input_type(const onnx::TypeProto& proto, const Scope& scope) {
  // What a body is given decides its shapes, whatever it declares.
  if (scope.level->parent) return element_type(proto);
  return convert_type(proto, [&](const std::string& name) {
    const auto known = symbols_.find(name);
    if (!name.empty() && known != symbols_.end()) return known->second;
    return symbols_[name] = scope.level->edit.symbol(name.c_str());
  });
}

// What a model declares of values that it computes. Shapes are left to inference: in files that were
// edited, in their inputs say, the ones further down are often stale.
Type Importer::element_type(const onnx::TypeProto& proto) { return convert_type(proto, {}); }

}  // namespace hrt::importer
