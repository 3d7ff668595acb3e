// SPDX-License-Identifier: Apache-2.0
#include "core/graph/transaction.h"

#include <algorithm>
#include <queue>
#include <set>
#include <unordered_map>

#include "core/base/error.h"

namespace hrt {

Transaction::~Transaction() {
  // Once committed it no longer looks at the graph, which may be gone by then.
  if (!outer_ && !undo_.empty()) rollback();
}

void Transaction::record(std::function<void()> undo, std::string line) {
  root().undo_.push_back(std::move(undo));
  if (!line.empty()) lines_.push_back(std::move(line));
}

Node& Transaction::mutable_node(NodeId id) {
  if (!graph_.has_node(id)) fail(HRT_ERROR_BAD_DATA, "there is no node {}", id);
  return *graph_.nodes_[id];
}

ValueDef& Transaction::mutable_value(ValueId id) {
  check_value(id);
  return *graph_.values_[id];
}

void Transaction::check_value(ValueId value) const {
  if (!graph_.has_value(value)) fail(HRT_ERROR_BAD_DATA, "there is no value {}", value);
}

std::string Transaction::fresh_name(const char* stem) {
  return fmt::format("{}_{}", stem, graph_.values_.size());
}

ValueId Transaction::new_value(std::string name, Type type) {
  const auto id = ValueId(graph_.values_.size());
  auto def = std::make_unique<ValueDef>();
  def->id = id;
  def->name = name.empty() ? fresh_name("value") : std::move(name);
  def->type = std::move(type);
  graph_.values_.push_back(std::move(def));
  record([this, id] { graph_.values_[id].reset(); }, "");
  return id;
}

void Transaction::use(ValueId value, NodeId node) {
  if (value != HRT_NONE) graph_.values_[value]->consumers.push_back(node);
}

void Transaction::unuse(ValueId value, NodeId node) {
  if (value == HRT_NONE) return;
  auto& list = graph_.values_[value]->consumers;
  // The last such entry: undoing in reverse order finds what it added at the end.
  const auto it = std::find(list.rbegin(), list.rend(), node);
  list.erase(std::next(it).base());
}

NodeId Transaction::add_node(std::string domain, std::string op, std::string name,
                             std::vector<ValueId> inputs, std::vector<Output> outputs,
                             std::vector<Attribute> attributes) {
  for (const ValueId v : inputs)
    if (v != HRT_NONE) check_value(v);
  std::set<std::string_view> seen;
  for (const Attribute& a : attributes)
    if (!seen.insert(a.name).second) fail(HRT_ERROR_BAD_DATA, "attribute {} is given twice", a.name);

  const auto id = NodeId(graph_.nodes_.size());
  auto node = std::make_unique<Node>();
  node->id = id;
  node->domain = std::move(domain);
  node->op = std::move(op);
  node->name = std::move(name);
  node->inputs = std::move(inputs);
  node->attributes = std::move(attributes);
  Node& n = *node;
  graph_.nodes_.push_back(std::move(node));
  graph_.order_.push_back(id);
  for (const ValueId v : n.inputs) use(v, id);
  record(
      [this, id] {
        for (const ValueId v : graph_.nodes_[id]->inputs) unuse(v, id);
        std::erase(graph_.order_, id);
        graph_.nodes_[id].reset();
      },
      "+ " + n.describe());
  for (Output& o : outputs) {
    ValueId v = HRT_NONE;
    if (o.wanted) {
      v = new_value(std::move(o.name), Type());
      graph_.values_[v]->producer = id;
    }
    graph_.nodes_[id]->outputs.push_back(v);
  }
  touched_.push_back(id);
  new_readers_.push_back(id);
  return id;
}

void Transaction::remove_node(NodeId id) {
  Node& n = mutable_node(id);
  for (const ValueId v : n.outputs)
    if (v != HRT_NONE && !graph_.value(v).unused())
      fail(HRT_ERROR_BAD_DATA, "{} cannot be removed: its output \"{}\" is used", n.describe(),
           graph_.value(v).name);

  struct Removed {
    std::unique_ptr<Node> node;
    std::vector<std::unique_ptr<ValueDef>> outputs;
    std::vector<ValueId> captured;
    std::ptrdiff_t position;
  };
  auto removed = std::make_shared<Removed>();
  for (const ValueId v : n.inputs) unuse(v, id);
  for (const auto& [name, body] : graph_.bodies(id))
    for (const Capture& c : body->captures()) {
      removed->captured.push_back(c.outer);
      unuse(c.outer, id);
    }
  for (const ValueId v : n.outputs)
    if (v != HRT_NONE) removed->outputs.push_back(std::move(graph_.values_[v]));
  const auto at = std::find(graph_.order_.begin(), graph_.order_.end(), id);
  removed->position = at - graph_.order_.begin();
  graph_.order_.erase(at);
  std::string line = "- " + n.describe();
  removed->node = std::move(graph_.nodes_[id]);
  record(
      [this, id, removed] {
        graph_.nodes_[id] = std::move(removed->node);
        graph_.order_.insert(graph_.order_.begin() + removed->position, id);
        for (auto& def : removed->outputs) {
          const ValueId v = def->id;
          graph_.values_[v] = std::move(def);
        }
        for (const ValueId v : graph_.nodes_[id]->inputs) use(v, id);
        for (const ValueId v : removed->captured) use(v, id);
      },
      std::move(line));
}

void Transaction::set_input(NodeId id, size_t index, ValueId value) {
  Node& n = mutable_node(id);
  if (value != HRT_NONE) check_value(value);
  if (index >= n.inputs.size()) fail(HRT_ERROR_BAD_DATA, "{} has no input {}", n.describe(), index);
  const ValueId old = n.inputs[index];
  if (old == value) return;
  auto put = [this, id, index](ValueId from, ValueId to) {
    unuse(from, id);
    graph_.nodes_[id]->inputs[index] = to;
    use(to, id);
  };
  put(old, value);
  record([put, old, value] { put(value, old); }, fmt::format("~ {} input {}", n.describe(), index));
  touched_.push_back(id);
  new_readers_.push_back(id);
}

void Transaction::put_attribute(NodeId id, Attribute attribute) {
  auto& list = mutable_node(id).attributes;
  const auto it =
      std::find_if(list.begin(), list.end(), [&](const Attribute& a) { return a.name == attribute.name; });
  if (it == list.end()) {
    list.push_back(std::move(attribute));
    record([this, id] { graph_.nodes_[id]->attributes.pop_back(); }, "");
  } else {
    const auto index = it - list.begin();
    auto old = std::make_shared<Attribute>(std::move(*it));
    *it = std::move(attribute);
    record([this, id, index, old] { graph_.nodes_[id]->attributes[size_t(index)] = std::move(*old); }, "");
  }
}

void Transaction::set_attribute(NodeId id, Attribute attribute) {
  if (attribute.type() == HRT_ATTR_GRAPH) fail(HRT_ERROR_BAD_DATA, "a nested body is made with add_body");
  const Attribute* old = mutable_node(id).find(attribute.name);
  if (old && old->type() == HRT_ATTR_GRAPH)
    fail(HRT_ERROR_BAD_DATA, "attribute {} is a nested body", attribute.name);
  lines_.push_back(fmt::format("~ {} attribute {}", graph_.node(id).describe(), attribute.name));
  put_attribute(id, std::move(attribute));
  touched_.push_back(id);
}

void Transaction::remove_attribute(NodeId id, std::string_view name) {
  auto& list = mutable_node(id).attributes;
  const auto it = std::find_if(list.begin(), list.end(), [&](const Attribute& a) { return a.name == name; });
  if (it == list.end()) return;
  if (it->type() == HRT_ATTR_GRAPH) fail(HRT_ERROR_BAD_DATA, "attribute {} is a nested body", name);
  const auto index = it - list.begin();
  auto old = std::make_shared<Attribute>(std::move(*it));
  list.erase(it);
  record(
      [this, id, index, old] {
        auto& l = graph_.nodes_[id]->attributes;
        l.insert(l.begin() + index, std::move(*old));
      },
      fmt::format("~ {} without attribute {}", graph_.node(id).describe(), name));
  touched_.push_back(id);
}

void Transaction::replace_uses(ValueId from, ValueId to) {
  check_value(from);
  check_value(to);
  if (from == to) return;
  declare_type(to, graph_.value(from).type);  // what is known of the old one holds for the new one
  const std::vector<NodeId> consumers = graph_.value(from).consumers;
  for (const NodeId id : consumers) {
    for (size_t i = 0; i < graph_.node(id).inputs.size(); ++i)
      if (graph_.node(id).inputs[i] == from) set_input(id, i, to);
    for (const auto& [name, body] : graph_.bodies(id)) {
      for (size_t i = 0; i < body->captures_.size(); ++i) {
        if (body->captures_[i].outer != from) continue;
        auto put = [this, id, body = body, i](ValueId a, ValueId b) {
          unuse(a, id);
          body->captures_[i].outer = b;
          use(b, id);
        };
        put(from, to);
        record([put, from, to] { put(to, from); }, "");
        touched_.push_back(id);
        new_readers_.push_back(id);
      }
    }
  }
  if (graph_.value(from).output_uses > 0) {
    std::vector<ValueId> outputs = graph_.outputs_;
    std::replace(outputs.begin(), outputs.end(), from, to);
    auto names = graph_.output_names_;
    set_outputs(std::move(outputs));
    set_output_names(std::move(names));
  }
}

ValueId Transaction::add_input(std::string name, Type type) {
  const ValueId v = new_value(std::move(name), std::move(type));
  graph_.values_[v]->is_input = true;
  graph_.inputs_.push_back(v);
  record([this] { graph_.inputs_.pop_back(); }, "+ input " + graph_.value(v).name);
  return v;
}

void Transaction::set_outputs(std::vector<ValueId> values) {
  std::vector<std::string> names;
  for (const ValueId v : values) {
    check_value(v);
    names.push_back(graph_.value(v).name);
  }
  auto put = [this](std::vector<ValueId> list, std::vector<std::string> list_names) {
    for (const ValueId v : graph_.outputs_) --graph_.values_[v]->output_uses;
    graph_.outputs_ = std::move(list);
    graph_.output_names_ = std::move(list_names);
    for (const ValueId v : graph_.outputs_) ++graph_.values_[v]->output_uses;
  };
  auto undo = [put, old = graph_.outputs_, old_names = graph_.output_names_] { put(old, old_names); };
  put(std::move(values), std::move(names));
  record(std::move(undo), "~ outputs");
}

void Transaction::set_output_names(std::vector<std::string> names) {
  if (names.size() != graph_.outputs_.size())
    fail(HRT_ERROR_BAD_DATA, "there are {} outputs, not {}", graph_.outputs_.size(), names.size());
  auto old = std::make_shared<std::vector<std::string>>(std::move(graph_.output_names_));
  graph_.output_names_ = std::move(names);
  record([this, old] { graph_.output_names_ = std::move(*old); }, "");
}

void Transaction::set_type(ValueId value, Type type) {
  ValueDef& def = mutable_value(value);
  if (def.type == type) return;
  record([this, value, old = def.type] { graph_.values_[value]->type = old; }, "");
  def.type = std::move(type);
}

void Transaction::declare_type(ValueId value, const Type& type) {
  const ValueDef& def = mutable_value(value);
  with_context([&] { return fmt::format("value \"{}\"", def.name); },
               [&] { set_type(value, merge(def.type, type)); });
}

ValueId Transaction::add_constant(std::string name, std::shared_ptr<const Tensor> data) {
  Type type = data->type();
  const ValueId v = new_value(std::move(name), std::move(type));
  graph_.values_[v]->constant_c = data->c();
  graph_.values_[v]->constant = std::move(data);
  lines_.push_back("+ constant " + graph_.value(v).name);
  return v;
}

void Transaction::remove_constant(ValueId value) {
  const ValueDef& def = mutable_value(value);
  if (!def.constant || !def.unused()) fail(HRT_ERROR_BAD_DATA, "\"{}\" is not an unused constant", def.name);
  auto old = std::make_shared<std::unique_ptr<ValueDef>>(std::move(graph_.values_[value]));
  record([this, value, old] { graph_.values_[value] = std::move(*old); }, "- constant " + (*old)->name);
}

void Transaction::drop_constant_data(ValueId value) {
  ValueDef& def = mutable_value(value);
  if (!def.constant) return;
  def.constant = std::make_shared<Tensor>();
  def.constant_c = def.constant->c();
}

Transaction& Transaction::add_body(NodeId id, std::string attribute, std::string graph_name) {
  if (mutable_node(id).find(attribute))
    fail(HRT_ERROR_BAD_DATA, "{} already has attribute {}", graph_.node(id).describe(), attribute);
  int depth = 0;
  for (const Graph* g = graph_.parent_; g; g = g->parent_) ++depth;
  if (depth == kMaxNesting) fail(HRT_ERROR_BAD_DATA, "bodies are nested more than {} deep", kMaxNesting);
  auto body = std::make_shared<Graph>();
  body->name_ = std::move(graph_name);
  body->parent_ = &graph_;
  body->parent_node_ = id;
  body->symbols_ = graph_.symbols_;
  body->opsets_ = graph_.opsets_;
  Graph& ref = *body;
  put_attribute(id, Attribute{std::move(attribute), std::move(body)});
  touched_.push_back(id);
  return edit_body(ref);
}

Transaction& Transaction::edit_body(Graph& body) {
  Transaction*& open = body_edits_[&body];
  if (!open) open = bodies_.emplace_back(new Transaction(body, *this)).get();
  return *open;
}

ValueId Transaction::add_capture(ValueId outer) {
  Graph* parent = graph_.parent_;
  if (!parent) fail(HRT_ERROR_BAD_DATA, "only a nested body captures values");
  if (!parent->has_value(outer)) fail(HRT_ERROR_BAD_DATA, "there is no value {} around the body", outer);
  for (const Capture& c : graph_.captures_)
    if (c.outer == outer) return c.inner;
  const ValueDef& source = parent->value(outer);
  const ValueId inner = new_value(source.name, source.type);
  graph_.values_[inner]->is_capture = true;
  graph_.captures_.push_back({outer, inner});
  parent->values_[outer]->consumers.push_back(graph_.parent_node_);
  record(
      [this, parent, outer] {
        graph_.captures_.pop_back();
        auto& list = parent->values_[outer]->consumers;
        list.erase(std::next(std::find(list.rbegin(), list.rend(), graph_.parent_node_)).base());
      },
      "");
  if (outer_) outer_->new_readers_.push_back(graph_.parent_node_);
  return inner;
}

void Transaction::remove_unused_captures() {
  for (size_t i = graph_.captures_.size(); i-- > 0;) {
    const Capture c = graph_.captures_[i];
    if (!graph_.value(c.inner).unused()) continue;
    Graph* parent = graph_.parent_;
    auto& list = parent->values_[c.outer]->consumers;
    list.erase(std::find(list.begin(), list.end(), graph_.parent_node_));
    auto old = std::make_shared<std::unique_ptr<ValueDef>>(std::move(graph_.values_[c.inner]));
    graph_.captures_.erase(graph_.captures_.begin() + std::ptrdiff_t(i));
    record(
        [this, parent, c, i, old] {
          graph_.values_[c.inner] = std::move(*old);
          graph_.captures_.insert(graph_.captures_.begin() + std::ptrdiff_t(i), c);
          parent->values_[c.outer]->consumers.push_back(graph_.parent_node_);
        },
        "- capture " + (*old)->name);
  }
}

int64_t Transaction::symbol(const std::string& name) {
  Graph::Symbols& table = *graph_.symbols_;
  if (const auto it = table.ids.find(name); it != table.ids.end()) return it->second;
  if (table.names.size() >= 1u << 20) fail(HRT_ERROR_BAD_DATA, "too many symbolic dimensions");
  table.names.push_back(name);
  const int64_t dim = HRT_DIM_UNKNOWN + int64_t(table.names.size());
  if (!name.empty()) table.ids.emplace(name, dim);
  return dim;
}

template <class Map>
void Transaction::put_entry(Map Graph::* map, const std::string& key, typename Map::mapped_type value) {
  Map& entries = graph_.*map;
  const auto it = entries.find(key);
  if (it == entries.end())
    record([this, map, key] { (graph_.*map).erase(key); }, "");
  else
    record([this, map, key, old = it->second] { (graph_.*map)[key] = old; }, "");
  entries[key] = std::move(value);
}

void Transaction::set_opset(const std::string& domain, int64_t version) {
  put_entry(&Graph::opsets_, domain, version);
}

void Transaction::set_metadata(const std::string& key, std::string value) {
  put_entry(&Graph::metadata_, key, std::move(value));
}

void Transaction::set_name(std::string name) {
  record([this, old = graph_.name_] { graph_.name_ = old; }, "");
  graph_.name_ = std::move(name);
}

std::vector<NodeId> Transaction::touched() const {
  std::vector<NodeId> list;
  std::set<NodeId> seen;
  for (const NodeId id : touched_)
    if (graph_.has_node(id) && seen.insert(id).second) list.push_back(id);
  return list;
}

namespace {

std::vector<uint32_t> positions(const std::vector<NodeId>& order, uint32_t node_limit) {
  std::vector<uint32_t> position(node_limit, 0);
  for (uint32_t i = 0; i < order.size(); ++i) position[order[i]] = i;
  return position;
}

}  // namespace

// The order with the nodes that were added, which stand at its end, each before the first that reads it: one
// that took another's place then stands about where that stood.
std::vector<NodeId> Transaction::place_new_nodes() const {
  const std::vector<NodeId>& old = graph_.order_;
  size_t kept = old.size();
  while (kept > 0 && old[kept - 1] >= first_new_) --kept;
  if (kept == 0 || kept == old.size()) return old;
  std::vector<uint32_t> before = positions(old, graph_.node_limit());  // of nodes that were added: of readers
  for (size_t i = old.size(); i-- > kept;) {
    before[old[i]] = uint32_t(kept);
    for (const ValueId v : graph_.node(old[i]).outputs)
      if (v != HRT_NONE)
        for (const NodeId reader : graph_.value(v).consumers)
          before[old[i]] = std::min(before[old[i]], before[reader]);
  }
  std::vector<NodeId> added(old.begin() + std::ptrdiff_t(kept), old.end());
  std::ranges::stable_sort(added, {}, [&](NodeId id) { return before[id]; });
  std::vector<NodeId> order;
  order.reserve(old.size());
  size_t next = 0;
  for (uint32_t i = 0; i <= kept; ++i) {
    while (next < added.size() && before[added[next]] == i) order.push_back(added[next++]);
    if (i < kept) order.push_back(old[i]);
  }
  return order;
}

// Puts right what nodes with new inputs put wrong: every edge that leads backwards lies in a window of the
// order, and so does every cycle, and nodes outside of it may stay where they are (Pearce and Kelly). In it,
// Kahn's algorithm; of the nodes that are ready, the one that came first goes first.
void Transaction::sort_window(std::vector<NodeId>& order) const {
  const std::vector<uint32_t> position = positions(order, graph_.node_limit());
  auto each_producer = [&](NodeId id, auto&& f) {
    auto one = [&](ValueId v) {
      if (v != HRT_NONE && graph_.value(v).producer != HRT_NONE) f(graph_.value(v).producer);
    };
    for (const ValueId v : graph_.node(id).inputs) one(v);
    for (const auto& [name, body] : graph_.bodies(id))
      for (const Capture& c : body->captures()) one(c.outer);
  };
  uint32_t begin = HRT_NONE, end = 0;
  for (const NodeId id : new_readers_) {
    if (!graph_.has_node(id)) continue;
    each_producer(id, [&](NodeId p) {
      if (position[p] < position[id]) return;
      begin = std::min(begin, position[id]);
      end = std::max(end, position[p] + 1);
    });
  }
  if (begin >= end) return;
  auto inside = [&](NodeId id) { return position[id] >= begin && position[id] < end; };
  std::vector<uint32_t> waiting(end - begin, 0);
  auto later = [&](NodeId a, NodeId b) { return position[a] > position[b]; };
  std::priority_queue<NodeId, std::vector<NodeId>, decltype(later)> ready(later);
  for (uint32_t i = begin; i < end; ++i) {
    each_producer(order[i], [&](NodeId p) { waiting[i - begin] += inside(p); });
    if (waiting[i - begin] == 0) ready.push(order[i]);
  }
  std::vector<NodeId> sorted;
  sorted.reserve(end - begin);
  while (!ready.empty()) {
    const NodeId id = ready.top();
    ready.pop();
    sorted.push_back(id);
    for (const ValueId v : graph_.node(id).outputs) {
      if (v == HRT_NONE) continue;
      for (const NodeId n : graph_.value(v).consumers)
        if (inside(n) && --waiting[position[n] - begin] == 0) ready.push(n);
    }
  }
  if (sorted.size() != end - begin) {
    for (uint32_t i = begin; i < end; ++i)
      if (waiting[i - begin] > 0)
        fail(HRT_ERROR_BAD_DATA, "{} is part of a cycle", graph_.node(order[i]).describe());
  }
  std::ranges::copy(sorted, order.begin() + begin);
}

void Transaction::sort() {
  for (const auto& body : bodies_) body->sort();
  if (new_readers_.empty()) return;
  std::vector<NodeId> order = place_new_nodes();
  sort_window(order);
  new_readers_.clear();
  first_new_ = graph_.node_limit();
  if (order == graph_.order_) return;
  record([this, old = graph_.order_] { graph_.order_ = old; }, "");
  graph_.order_ = std::move(order);
}

void Transaction::commit() {
  sort();
  undo_.clear();
  forget();
}

void Transaction::rollback() noexcept {
  while (!undo_.empty()) {
    undo_.back()();
    undo_.pop_back();
  }
  // Values made by the transaction left empty slots at the end: take them back.
  while (!graph_.values_.empty() && !graph_.values_.back()) graph_.values_.pop_back();
  while (!graph_.nodes_.empty() && !graph_.nodes_.back()) graph_.nodes_.pop_back();
  forget();
}

void Transaction::forget() {
  touched_.clear();
  lines_.clear();
  body_edits_.clear();
  bodies_.clear();
  new_readers_.clear();
  first_new_ = graph_.node_limit();
}

std::string Transaction::diff() const {
  std::string out;
  for (const std::string& line : lines_) out += line + "\n";
  for (const auto& body : bodies_) out += body->diff();
  return out;
}

Extracted extract(const Graph& graph, std::span<const NodeId> nodes) {
  Extracted out;
  out.graph = std::make_shared<Graph>();
  Transaction t(*out.graph);
  t.set_name(graph.name());
  for (const auto& [domain, version] : graph.opsets()) t.set_opset(domain, version);

  const std::set<NodeId> inside(nodes.begin(), nodes.end());
  std::unordered_map<ValueId, ValueId> to_new;
  auto map_value = [&](ValueId v) {
    if (v == HRT_NONE) return v;
    if (const auto it = to_new.find(v); it != to_new.end()) return it->second;
    const ValueDef& def = graph.value(v);
    const ValueId fresh =
        def.constant ? t.add_constant(def.name, def.constant) : t.add_input(def.name, def.type);
    if (!def.constant) out.inputs.push_back(v);
    to_new[v] = fresh;
    return fresh;
  };
  std::vector<ValueId> outputs;
  for (const NodeId id : nodes) {
    const Node& n = graph.node(id);
    std::vector<ValueId> inputs;
    for (const ValueId v : n.inputs) inputs.push_back(map_value(v));
    std::vector<Transaction::Output> outs;
    for (const ValueId v : n.outputs)
      outs.push_back({v == HRT_NONE ? "" : graph.value(v).name, v != HRT_NONE});
    const NodeId fresh = t.add_node(n.domain, n.op, n.name, std::move(inputs), std::move(outs), n.attributes);
    out.node_map.resize(fresh + 1, HRT_NONE);
    out.node_map[fresh] = id;
    for (size_t i = 0; i < n.outputs.size(); ++i) {
      const ValueId v = n.outputs[i];
      if (v == HRT_NONE) continue;
      const ValueDef& def = graph.value(v);
      const ValueId made = out.graph->node(fresh).outputs[i];
      to_new[v] = made;
      t.set_type(made, def.type);
      const bool leaves = def.output_uses > 0 || std::any_of(def.consumers.begin(), def.consumers.end(),
                                                             [&](NodeId c) { return !inside.contains(c); });
      if (leaves) {
        outputs.push_back(made);
        out.outputs.push_back(v);
      }
    }
  }
  t.set_outputs(std::move(outputs));
  t.commit();
  out.value_map.assign(out.graph->value_limit(), HRT_NONE);
  for (const auto& [old_id, new_id] : to_new) out.value_map[new_id] = old_id;
  return out;
}

}  // namespace hrt
