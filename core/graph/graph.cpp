// SPDX-License-Identifier: Apache-2.0
#include "core/graph/graph.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"

namespace hrt {

StringList::StringList(std::vector<std::string> t) : texts(std::move(t)) {
  for (const std::string& text : texts) views.push_back({text.data(), text.size()});
}

hrt_attr_type Attribute::type() const {
  constexpr hrt_attr_type types[] = {HRT_ATTR_INT,    HRT_ATTR_FLOAT,   HRT_ATTR_STRING,
                                     HRT_ATTR_TENSOR, HRT_ATTR_GRAPH,   HRT_ATTR_INTS,
                                     HRT_ATTR_FLOATS, HRT_ATTR_STRINGS, HRT_ATTR_TYPE};
  return types[data.index()];
}

const Attribute* Node::find(std::string_view wanted) const {
  for (const Attribute& a : attributes)
    if (a.name == wanted) return &a;
  return nullptr;
}

std::string Node::describe() const {
  const std::string full = domain.empty() ? op : domain + "." + op;
  return name.empty() ? fmt::format("{} (node {})", full, id) : fmt::format("{} \"{}\"", full, name);
}

std::string Graph::symbol_name(int64_t dim) const {
  const int64_t id = dim - HRT_DIM_UNKNOWN;
  return HRT_DIM_IS_SYMBOL(dim) && size_t(id) <= symbols().size() ? symbols()[size_t(id) - 1] : std::string();
}

std::unique_ptr<Graph> Graph::copy() const {
  auto out = std::make_unique<Graph>();
  out->symbols_ = std::make_shared<Symbols>(*symbols_);
  out->reload_ = reload_;
  copy_to(*out);
  return out;
}

void Graph::copy_to(Graph& to) const {
  to.name_ = name_;
  to.order_ = order_;
  to.inputs_ = inputs_;
  to.outputs_ = outputs_;
  to.output_names_ = output_names_;
  to.captures_ = captures_;
  to.opsets_ = opsets_;
  to.metadata_ = metadata_;
  for (const auto& v : values_) to.values_.push_back(v ? std::make_unique<ValueDef>(*v) : nullptr);
  for (const auto& n : nodes_) {
    to.nodes_.push_back(n ? std::make_unique<Node>(*n) : nullptr);
    if (!n) continue;
    for (Attribute& a : to.nodes_.back()->attributes) {
      auto* body = std::get_if<std::shared_ptr<Graph>>(&a.data);
      if (!body) continue;
      auto inner = std::make_shared<Graph>();
      inner->symbols_ = to.symbols_;
      inner->parent_ = &to;
      inner->parent_node_ = n->id;
      (*body)->copy_to(*inner);
      *body = std::move(inner);
    }
  }
}

std::vector<std::pair<std::string, Graph*>> Graph::bodies(NodeId id) const {
  std::vector<std::pair<std::string, Graph*>> found;
  for (const Attribute& a : node(id).attributes)
    if (const auto* body = std::get_if<std::shared_ptr<Graph>>(&a.data))
      found.emplace_back(a.name, body->get());
  return found;
}

namespace {

[[noreturn]] void broken(const Graph& g, const std::string& what) {
  fail(HRT_ERROR_INTERNAL, "graph \"{}\" is not sound: {}", g.name(), what);
}

// How often each node uses each value, through inputs and through captures of its bodies.
std::map<std::pair<ValueId, NodeId>, int> count_uses(const Graph& g) {
  std::map<std::pair<ValueId, NodeId>, int> uses;
  for (const NodeId id : g.nodes()) {
    for (const ValueId v : g.node(id).inputs)
      if (v != HRT_NONE) ++uses[{v, id}];
    for (const auto& [name, body] : g.bodies(id))
      for (const Capture& c : body->captures()) ++uses[{c.outer, id}];
  }
  return uses;
}

void verify_values(const Graph& g) {
  auto uses = count_uses(g);
  std::set<std::string> names;
  for (ValueId v = 0; v < g.value_limit(); ++v) {
    if (!g.has_value(v)) continue;
    const ValueDef& def = g.value(v);
    const int sources =
        (def.producer != HRT_NONE) + def.is_input + def.is_capture + (def.constant != nullptr);
    if (sources != 1) broken(g, fmt::format("value \"{}\" has {} sources", def.name, sources));
    if (def.producer != HRT_NONE) {
      if (!g.has_node(def.producer)) broken(g, fmt::format("the producer of \"{}\" is gone", def.name));
      const auto& outs = g.node(def.producer).outputs;
      if (std::count(outs.begin(), outs.end(), v) != 1)
        broken(g, fmt::format("\"{}\" is not an output of its producer", def.name));
    }
    for (const NodeId n : def.consumers) --uses[{v, n}];
    if (def.output_uses != std::count(g.outputs().begin(), g.outputs().end(), v))
      broken(g, fmt::format("output uses of \"{}\" are miscounted", def.name));
    if (def.is_input && !names.insert(def.name).second)
      fail(HRT_ERROR_BAD_DATA, "graph \"{}\": two inputs are named \"{}\"", g.name(), def.name);
  }
  for (const auto& [use, n] : uses)
    if (n != 0) broken(g, fmt::format("uses of value {} by node {} are miscounted", use.first, use.second));
}

void verify_order(const Graph& g) {
  std::vector<char> ready(g.value_limit(), 0);
  for (ValueId v = 0; v < g.value_limit(); ++v) ready[v] = g.has_value(v) && g.value(v).producer == HRT_NONE;
  size_t count = 0;
  for (const NodeId id : g.nodes()) {
    if (!g.has_node(id)) broken(g, fmt::format("node {} is in the order but gone", id));
    const Node& n = g.node(id);
    auto need = [&](ValueId v) {
      if (v >= g.value_limit() || !g.has_value(v))
        broken(g, fmt::format("{} uses value {}, which is gone", n.describe(), v));
      if (!ready[v])
        broken(g, fmt::format("{} comes before the producer of \"{}\"", n.describe(), g.value(v).name));
    };
    for (const ValueId v : n.inputs)
      if (v != HRT_NONE) need(v);
    for (const auto& [name, body] : g.bodies(id)) {
      if (body->parent() != &g || body->parent_node() != id)
        broken(g, n.describe() + " holds a body of another node");
      for (const Capture& c : body->captures()) need(c.outer);
      verify_structure(*body);
    }
    for (const ValueId v : n.outputs)
      if (v != HRT_NONE) ready[v] = 1;
    ++count;
  }
  for (NodeId id = 0; id < g.node_limit(); ++id) count -= g.has_node(id);
  if (count != 0) broken(g, "the order does not hold every node once");
}

}  // namespace

void verify_structure(const Graph& g) {
  for (const auto* list : {&g.inputs(), &g.outputs()})
    for (const ValueId v : *list)
      if (v >= g.value_limit() || !g.has_value(v)) broken(g, fmt::format("input or output {} is gone", v));
  if (g.output_names().size() != g.outputs().size()) broken(g, "outputs and their names differ in number");
  verify_values(g);
  verify_order(g);
}

namespace {

std::string attribute_text(const Attribute& a) {
  struct Visitor {
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(float v) const { return fmt::format("{}", v); }
    std::string operator()(const std::string& v) const { return fmt::format("\"{}\"", v); }
    std::string operator()(const std::shared_ptr<const TensorView>& v) const {
      return to_string(v->tensor.type());
    }
    std::string operator()(const std::shared_ptr<Graph>& v) const {
      return fmt::format("body \"{}\"", v->name());
    }
    std::string operator()(const std::vector<int64_t>& v) const {
      return fmt::format("[{}]", fmt::join(v, ","));
    }
    std::string operator()(const std::vector<float>& v) const {
      return fmt::format("[{}]", fmt::join(v, ","));
    }
    std::string operator()(const std::shared_ptr<const StringList>& v) const {
      return fmt::format("[\"{}\"]", fmt::join(v->texts, "\",\""));
    }
    std::string operator()(const Type& v) const { return to_string(v); }
  };
  return a.name + "=" + std::visit(Visitor{}, a.data);
}

std::string value_text(const Graph& g, ValueId v) {
  if (v == HRT_NONE) return "_";
  const ValueDef& def = g.value(v);
  return fmt::format("%{}:{}{}", def.name, to_string(def.type), def.constant ? " const" : "");
}

template <class List>
std::string values_text(const Graph& g, const List& list) {
  std::vector<std::string> texts;
  for (const ValueId v : list) texts.push_back(value_text(g, v));
  return fmt::format("{}", fmt::join(texts, ", "));
}

void print(const Graph& g, const std::string& indent, std::string& out) {
  out += fmt::format("{}graph \"{}\" ({})\n", indent, g.name(), values_text(g, g.inputs()));
  for (const Capture& c : g.captures())
    out += fmt::format("{}  capture {} of outer value {}\n", indent, value_text(g, c.inner), c.outer);
  for (const NodeId id : g.nodes()) {
    const Node& n = g.node(id);
    std::vector<std::string> attributes;
    for (const Attribute& a : n.attributes) attributes.push_back(attribute_text(a));
    out += fmt::format("{}  {} = {}({}) {{{}}}\n", indent, values_text(g, n.outputs), n.describe(),
                       values_text(g, n.inputs), fmt::join(attributes, ", "));
    for (const auto& [name, body] : g.bodies(id)) print(*body, indent + "    ", out);
  }
  out += fmt::format("{}  return {}\n", indent, values_text(g, g.outputs()));
}

}  // namespace

std::string to_text(const Graph& graph) {
  std::string out;
  print(graph, "", out);
  return out;
}

}  // namespace hrt
