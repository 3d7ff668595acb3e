// SPDX-License-Identifier: Apache-2.0
// All changes to a graph and its nested bodies, as one step: made at once, and either committed or undone, in
// reverse order. Every edit checks its arguments and throws without changing anything when they make no
// sense.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/graph/graph.h"

struct hrt_edit {};  // the ABI's handle: every Transaction is one

namespace hrt {

class Transaction : public hrt_edit {
 public:
  explicit Transaction(Graph& graph) : graph_(graph), first_new_(graph.node_limit()) {}
  ~Transaction();  // rolls back what was not committed
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  const Graph& graph() const { return graph_; }

  // Adds a node behind all others, and a value for every output that is wanted (name "": a made-up one).
  struct Output {
    std::string name;
    bool wanted = true;
  };
  NodeId add_node(std::string domain, std::string op, std::string name, std::vector<ValueId> inputs,
                  std::vector<Output> outputs, std::vector<Attribute> attributes);
  void remove_node(NodeId node);  // nobody may use its outputs
  void set_input(NodeId node, size_t index, ValueId value);
  void set_attribute(NodeId node, Attribute attribute);
  void remove_attribute(NodeId node, std::string_view name);
  void replace_uses(ValueId from, ValueId to);
  ValueId add_input(std::string name, Type type);
  void set_outputs(std::vector<ValueId> values);
  void set_output_names(std::vector<std::string> names);  // as many as outputs
  // set_type is for what inference found; declare_type merges with what is known and throws on contradiction.
  void set_type(ValueId value, Type type);
  void declare_type(ValueId value, const Type& type);
  ValueId add_constant(std::string name, std::shared_ptr<const Tensor> data);
  void remove_constant(ValueId value);     // unused ones only
  void drop_constant_data(ValueId value);  // keeps the value; for weights that were packed. Not undone.
  // Bodies are edited through transactions that are part of this one: they live as long, and are committed
  // and undone with it.
  Transaction& add_body(NodeId node, std::string attribute, std::string graph_name);
  Transaction& edit_body(Graph& body);  // of this graph, or of one of its bodies
  ValueId add_capture(ValueId outer);   // in a body; the same outer value gives the same inner one
  void remove_unused_captures();
  int64_t symbol(const std::string& name);  // "" makes one without name
  void set_opset(const std::string& domain, int64_t version);
  void set_metadata(const std::string& key, std::string value);
  void set_name(std::string name);

  bool changed() const { return !root().undo_.empty(); }  // bodies included
  // Nodes added (and not removed again), and nodes whose inputs or attributes changed: what inference
  // and the verifier have to look at before the commit.
  std::vector<NodeId> touched() const;
  const std::vector<std::unique_ptr<Transaction>>& bodies() const { return bodies_; }

  // Restores topological order (throws HRT_ERROR_BAD_DATA naming a node on a cycle) and makes the change
  // final. On an exception nothing is committed and the transaction can only be rolled back. commit and
  // rollback are for the transaction of the outermost graph.
  void sort();
  void commit();
  void rollback() noexcept;

  // What was done, a line each, "+" and "-" in front: for people.
  std::string diff() const;

 private:
  Transaction(Graph& body, Transaction& outer)
      : graph_(body), outer_(&outer), first_new_(body.node_limit()) {}
  Transaction& root() { return outer_ ? outer_->root() : *this; }
  const Transaction& root() const { return outer_ ? outer_->root() : *this; }
  Node& mutable_node(NodeId id);
  ValueDef& mutable_value(ValueId id);
  ValueId new_value(std::string name, Type type);
  std::string fresh_name(const char* stem);
  void use(ValueId value, NodeId node);
  void unuse(ValueId value, NodeId node);
  void record(std::function<void()> undo, std::string line);
  std::vector<NodeId> place_new_nodes() const;
  void sort_window(std::vector<NodeId>& order) const;
  void forget();
  void check_value(ValueId value) const;
  void put_attribute(NodeId node, Attribute attribute);
  template <class Map>
  void put_entry(Map Graph::* map, const std::string& key, typename Map::mapped_type value);

  Graph& graph_;
  Transaction* outer_ = nullptr;             // that this one is a part of
  std::vector<std::function<void()>> undo_;  // for the bodies too; the root's alone
  std::vector<std::string> lines_;
  std::vector<NodeId> touched_;
  std::vector<std::unique_ptr<Transaction>> bodies_;
  std::unordered_map<const Graph*, Transaction*> body_edits_;  // the same, by graph
  std::vector<NodeId> new_readers_;  // since the last sort: nodes with inputs that they did not have
  NodeId first_new_;                 // since the last sort: nodes from this id on were added
};

// A graph of its own holding some nodes of another: its inputs are what these read from outside (in order
// of first use), its outputs what others, or the graph's outputs, need of them. Constants are shared.
struct Extracted {
  std::shared_ptr<Graph> graph;
  std::vector<ValueId> inputs;  // in the original graph, one per input of graph
  std::vector<ValueId> outputs;
  std::vector<ValueId> value_map;  // by value id of graph: the original's value id
  std::vector<NodeId> node_map;    // by node id of graph: the original's node id
};
Extracted extract(const Graph& graph, std::span<const NodeId> nodes);

}  // namespace hrt
