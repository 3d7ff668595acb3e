// SPDX-License-Identifier: Apache-2.0
// The graph: nodes, values, attributes, nested bodies, use-def edges. Read freely; change only through a
// Transaction (transaction.h), which keeps use lists right and can undo. Not thread-safe to change;
// any number of threads may read.
//
// A nested body (a Graph inside an attribute) sees values of the graph around it through captures: pairs
// of an outer value and the body's own value for it. So every edge of a graph is visible in the graph.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/tensor/tensor.h"

struct hrt_graph {};  // the ABI's handle: every Graph is one

namespace hrt {

// How deep bodies may be nested in bodies. An operator's inference may go through its body several times, and
// so through the innermost a power of that: real models nest two or three deep.
constexpr int kMaxNesting = 8;

class Graph;
using NodeId = uint32_t;
using ValueId = uint32_t;

// A tensor, and a list of strings, with the form in which the ABI hands them out: immutable, shared.
struct TensorView {
  explicit TensorView(Tensor t) : tensor(std::move(t)), c(tensor.c()) {}
  TensorView(const TensorView&) = delete;
  const Tensor tensor;
  const hrt_tensor c;
};
struct StringList {
  explicit StringList(std::vector<std::string> t);
  StringList(const StringList&) = delete;
  const std::vector<std::string> texts;
  std::vector<hrt_str> views;
};

struct Attribute {
  using Data =
      std::variant<int64_t, float, std::string, std::shared_ptr<const TensorView>, std::shared_ptr<Graph>,
                   std::vector<int64_t>, std::vector<float>, std::shared_ptr<const StringList>, Type>;
  std::string name;
  Data data;

  hrt_attr_type type() const;
};

struct Node {
  NodeId id = HRT_NONE;
  std::string domain;
  std::string op;
  std::string name;
  std::vector<ValueId> inputs;   // HRT_NONE: an optional input that is absent
  std::vector<ValueId> outputs;  // HRT_NONE: an optional output that is not wanted
  std::vector<Attribute> attributes;

  const Attribute* find(std::string_view name) const;
  // "Conv \"layer1/conv\"": for messages.
  std::string describe() const;
};

struct ValueDef {
  ValueId id = HRT_NONE;
  std::string name;
  Type type;
  NodeId producer = HRT_NONE;
  std::vector<NodeId> consumers;  // one entry per use by a node's input or by a capture of its bodies
  uint32_t output_uses = 0;       // how often it is a graph output
  bool is_input = false;          // formal input
  bool is_capture = false;        // in a body: stands for a value outside
  std::shared_ptr<const Tensor> constant;
  hrt_tensor constant_c{};  // the ABI's view of it

  bool unused() const { return consumers.empty() && output_uses == 0; }
};

struct Capture {
  ValueId outer;
  ValueId inner;
};

class Graph : public hrt_graph, public std::enable_shared_from_this<Graph> {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  const std::string& name() const { return name_; }
  const std::vector<NodeId>& nodes() const { return order_; }  // producers before consumers
  const std::vector<ValueId>& inputs() const { return inputs_; }
  const std::vector<ValueId>& outputs() const { return outputs_; }
  // A value that is an output more than once, or was replaced by another, keeps each output's name.
  const std::vector<std::string>& output_names() const { return output_names_; }
  const std::vector<Capture>& captures() const { return captures_; }
  const std::map<std::string, int64_t>& opsets() const { return opsets_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  uint32_t node_limit() const { return uint32_t(nodes_.size()); }  // ids are below these
  uint32_t value_limit() const { return uint32_t(values_.size()); }
  bool has_node(NodeId id) const { return id < nodes_.size() && nodes_[id]; }
  bool has_value(ValueId id) const { return id < values_.size() && values_[id]; }
  const Node& node(NodeId id) const { return *nodes_[id]; }
  const ValueDef& value(ValueId id) const { return *values_[id]; }
  // The graph around a body, and the node that holds it; null and HRT_NONE for a model's main graph.
  const Graph* parent() const { return parent_; }
  NodeId parent_node() const { return parent_node_; }

  // Symbols are shared by a model's graph and all its bodies.
  std::string symbol_name(int64_t dim) const;
  const std::vector<std::string>& symbols() const { return symbols_->names; }

  // The same graph once more, bodies included; data of constants is shared.
  std::unique_ptr<Graph> copy() const;
  // How to load it again, for who needs it once more as it was: set by who loaded it; may be empty.
  void set_reload(std::function<std::unique_ptr<Graph>()> reload) { reload_ = std::move(reload); }
  const std::function<std::unique_ptr<Graph>()>& reload() const { return reload_; }

  // Bodies of a node, with the attribute that holds each.
  std::vector<std::pair<std::string, Graph*>> bodies(NodeId id) const;

 private:
  friend class Transaction;

  std::string name_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<ValueDef>> values_;
  std::vector<NodeId> order_;
  std::vector<ValueId> inputs_;
  std::vector<ValueId> outputs_;
  std::vector<std::string> output_names_;
  std::vector<Capture> captures_;
  std::map<std::string, int64_t> opsets_;
  std::map<std::string, std::string> metadata_;
  Graph* parent_ = nullptr;
  NodeId parent_node_ = HRT_NONE;
  struct Symbols {
    std::vector<std::string> names;                // by id - 1; "" for those that have none
    std::unordered_map<std::string, int64_t> ids;  // dimensions by name
  };
  std::shared_ptr<Symbols> symbols_ = std::make_shared<Symbols>();
  std::function<std::unique_ptr<Graph>()> reload_;

  void copy_to(Graph& to) const;
};

// Structural soundness: every id exists, edges agree in both directions, order is topological, bodies are
// sound too. Throws HRT_ERROR_INTERNAL naming what is broken: a graph that came through transactions is
// always sound. Only that names of inputs are unique is up to the model: HRT_ERROR_BAD_DATA. Operators are
// not known here (core/plugin/infer.h).
void verify_structure(const Graph& graph);

// The graph as text, a node a line: for people and for tests.
std::string to_text(const Graph& graph);

}  // namespace hrt
