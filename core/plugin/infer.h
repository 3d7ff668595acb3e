// SPDX-License-Identifier: Apache-2.0
// Type and shape inference over a graph by way of the operators' inference functions, and the check of
// nodes against their operators' schemas.
#pragma once

#include <array>
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

// By value id. Made as they are asked for, and the table a page at a time, so that facts about a few values
// of a large graph cost little; references stay valid.
class Facts {
 public:
  explicit Facts(const Graph& graph) : size_(graph.value_limit()), pages_(size_ / kPage + 1) {}
  Facts(const Facts& other) : size_(other.size_), pages_(other.pages_.size()) {
    for (ValueId id = 0; id < size_; ++id)
      if (other.has(id)) (*this)[id] = other.at(id);
  }
  Facts(Facts&&) noexcept = default;

  bool has(ValueId id) const { return id < size_ && pages_[id / kPage] && (*pages_[id / kPage])[id % kPage]; }
  Fact& operator[](ValueId id) {
    if (id >= size_) pages_.resize((size_ = id + 1) / kPage + 1);
    auto& page = pages_[id / kPage];
    if (!page) page = std::make_unique<Page>();
    auto& fact = (*page)[id % kPage];
    if (!fact) fact = std::make_unique<Fact>();
    return *fact;
  }
  const Fact& at(ValueId id) const {  // of a value without facts: nothing is known
    static const Fact nothing;
    return has(id) ? *(*pages_[id / kPage])[id % kPage] : nothing;
  }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kPage = 64;
  using Page = std::array<std::unique_ptr<Fact>, kPage>;
  size_t size_;
  std::vector<std::unique_ptr<Page>> pages_;
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
