// SPDX-License-Identifier: Apache-2.0
// Type and shape inference over a graph by way of the operators' inference functions, and the check of
// nodes against their operators' schemas.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/graph/graph.h"
#include "core/graph/transaction.h"
#include "core/plugin/registry.h"

namespace hrt {

// What is known of a value before it was computed.
struct Fact {
  Type type;
  std::shared_ptr<const Tensor> constant;  // all of its data
  std::optional<Dims> values;              // elements of an integer tensor: numbers, symbols, unknowns
};

// The facts of a constant, of the data that a value turned out to hold.
Fact fact_of(std::shared_ptr<const Tensor> tensor);

// By value id. Made as they are asked for, so that facts about a few values of a large graph cost little;
// references stay valid.
class Facts {
 public:
  explicit Facts(const Graph& graph) : facts_(graph.value_limit()) {}
  Facts(const Facts& other) : facts_(other.facts_.size()) {
    for (size_t i = 0; i < facts_.size(); ++i)
      if (other.facts_[i]) facts_[i] = std::make_unique<Fact>(*other.facts_[i]);
  }
  Facts(Facts&&) noexcept = default;

  bool has(ValueId id) const { return id < facts_.size() && facts_[id]; }
  Fact& operator[](ValueId id) {
    if (id >= facts_.size()) facts_.resize(id + 1);
    if (!facts_[id]) facts_[id] = std::make_unique<Fact>();
    return *facts_[id];
  }
  const Fact& at(ValueId id) const {  // of a value without facts: nothing is known
    static const Fact nothing;
    return has(id) ? *facts_[id] : nothing;
  }
  size_t size() const { return facts_.size(); }

 private:
  std::vector<std::unique_ptr<Fact>> facts_;
};

// Checks a node against its operator: it exists, counts, attributes, and (where types are known) type
// constraints. Throws, naming the node.
const hrt_op& check_schema(const Graph& graph, NodeId node, const Facts& facts);

// Infers the outputs of one node from the facts of its inputs into facts. body_facts, when given, gets
// the facts of each nested body by attribute name.
void infer_node(const Graph& graph, NodeId node, Facts& facts);

// Infers all nodes, in order. The facts of inputs and captures must be there; constants are filled in.
// Facts of results that shape arithmetic determines completely get their constant.
void infer_graph(const Graph& graph, Facts& facts);

// Inference with what the graph itself declares; the types found are written into the graph and all its
// nested bodies. Throws when something contradicts.
void annotate(Graph& graph);

// The same for the nodes that a transaction touched, before it commits: schema, types of new values, and
// agreement with what was known. Bodies that the transaction made are annotated whole.
void annotate(Transaction& transaction);

}  // namespace hrt
