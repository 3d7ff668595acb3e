// SPDX-License-Identifier: Apache-2.0
#include "graph.hpp"

#include <algorithm>

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

// What an attribute of the ABI points to.
struct AttributeStorage {
  std::vector<Dense> tensors;
  std::vector<hrt_tensor> views;
  std::vector<Type> types;
  std::vector<std::vector<hrt_str>> strings;
};

hrt_str to_c(const std::string& s) { return {s.data(), s.size()}; }

hrt_attr convert(const Attribute& a, AttributeStorage& storage) {
  using A = onnx::AttributeProto;
  auto c = sized<hrt_attr>();
  c.name = a.name.c_str();
  A& p = *a.proto;
  switch (type_of(p)) {
    case A::INT: c.type = HRT_ATTR_INT, c.i = p.i(); break;
    case A::FLOAT: c.type = HRT_ATTR_FLOAT, c.f = p.f(); break;
    case A::STRING: c.type = HRT_ATTR_STRING, c.s = to_c(p.s()); break;
    case A::INTS: c.type = HRT_ATTR_INTS, c.ints = p.ints().data(), c.count = size_t(p.ints_size()); break;
    case A::FLOATS:
      c.type = HRT_ATTR_FLOATS, c.floats = p.floats().data(), c.count = size_t(p.floats_size());
      break;
    case A::STRINGS: {
      auto& list = storage.strings.emplace_back();
      for (const auto& s : p.strings()) list.push_back(to_c(s));
      c.type = HRT_ATTR_STRINGS, c.strings = list.data(), c.count = list.size();
      break;
    }
    case A::TENSOR:
      storage.tensors.push_back(decode(*p.mutable_t(), a.proto));
      storage.views.push_back(storage.tensors.back().c());
      c.type = HRT_ATTR_TENSOR, c.tensor = &storage.views.back();
      break;
    case A::TYPE_PROTO:
      storage.types.push_back(convert_type(p.tp(), [](const std::string&) { return HRT_DIM_UNKNOWN; }));
      c.type = HRT_ATTR_TYPE, c.value_type = &storage.types.back().c();
      break;
    default: unsupported("attribute '", a.name, "' is of type ", A::AttributeType_Name(type_of(p)));
  }
  return c;
}

bool is_graph(const Attribute& a) { return type_of(*a.proto) == onnx::AttributeProto::GRAPH; }

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
      Type type = declared_type(v.type(), scope, true);
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
    for (Node& n : adapt(std::move(node), facts)) add_node(std::move(n), scope);
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

  AttributeStorage storage;
  const size_t n = node.attributes.size();
  storage.tensors.reserve(n), storage.views.reserve(n), storage.types.reserve(n), storage.strings.reserve(n);
  std::vector<sdk::Attr> attributes;
  for (const Attribute& a : node.attributes)
    if (!is_graph(a)) attributes.emplace_back(convert(a, storage));
  const std::string name = node.name.empty() ? "" : scope.prefix + node.name;
  const auto added =
      level.edit.add_node(node.domain.c_str(), node.op.c_str(), inputs, c_names, attributes, name.c_str());
  for (const Attribute& a : node.attributes)
    if (is_graph(a)) import_body(added.node, a, scope);

  for (size_t i = 0; i < node.outputs.size(); ++i) {
    bind(node.outputs[i], added.outputs[i], scope);
    const auto type = scope.types.find(node.outputs[i]);
    if (node.outputs[i].empty() || type == scope.types.end()) continue;
    within(cat("the declared type of '", node.outputs[i], "'"),
           [&] { level.edit.set_type(added.outputs[i], declared_type(*type->second, scope, false).c()); });
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

// Symbols are the named dimensions of the model's inputs, and a new one for each that has no name there:
// they are numbers as soon as the inputs are. A name that only appears later in the graph may stand for
// what depends on data.
Type Importer::declared_type(const onnx::TypeProto& proto, const Scope& scope, bool is_input) {
  Level& level = *scope.level;
  return convert_type(proto, [&](const std::string& name) {
    const auto known = symbols_.find(name);
    if (!name.empty() && known != symbols_.end()) return known->second;
    if (!is_input || level.parent) return HRT_DIM_UNKNOWN;
    const int64_t made = level.edit.symbol(name.c_str());
    if (!name.empty()) symbols_.emplace(name, made);
    return made;
  });
}

namespace {

bool other_float(int64_t t) { return t == HRT_FLOAT16 || t == HRT_FLOAT64 || t == HRT_BFLOAT16; }

bool mentions_other_float(const onnx::TypeProto& t) {
  switch (t.value_case()) {
    case onnx::TypeProto::kTensorType: return other_float(t.tensor_type().elem_type());
    case onnx::TypeProto::kSequenceType: return mentions_other_float(t.sequence_type().elem_type());
    case onnx::TypeProto::kOptionalType: return mentions_other_float(t.optional_type().elem_type());
    default: return false;
  }
}

template <class Nodes>
bool any_other_float(const Nodes& nodes);

bool mentions_other_float(const onnx::GraphProto& g) {
  for (const auto& t : g.initializer())
    if (other_float(t.data_type())) return true;
  for (const auto& t : g.sparse_initializer())
    if (other_float(t.values().data_type())) return true;
  for (const auto* infos : {&g.input(), &g.output(), &g.value_info()})
    for (const auto& v : *infos)
      if (mentions_other_float(v.type())) return true;
  return any_other_float(g.node());
}

// Operators that make a type out of nothing name it in a tensor, a type, or an int: "to", "dtype".
template <class Nodes>
bool any_other_float(const Nodes& nodes) {
  for (const onnx::NodeProto& n : nodes)
    for (const auto& a : n.attribute()) {
      const bool names_type =
          a.name() == "to" || a.name().ends_with("dtype") || a.name() == "output_datatype";
      if (names_type && (other_float(a.i()) || a.s() == "FLOAT16" || a.s() == "DOUBLE")) return true;
      if (a.has_t() && other_float(a.t().data_type())) return true;
      if (a.has_sparse_tensor() && other_float(a.sparse_tensor().values().data_type())) return true;
      if (a.has_tp() && mentions_other_float(a.tp())) return true;
      if (a.has_g() && mentions_other_float(a.g())) return true;
      if (!a.ref_attr_name().empty()) return true;
    }
  return false;
}

}  // namespace

bool only_float32(const onnx::ModelProto& model) {
  for (const auto& f : model.functions())
    if (any_other_float(f.node())) return false;
  return !mentions_other_float(model.graph());
}

}  // namespace hrt::importer
