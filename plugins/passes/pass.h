// SPDX-License-Identifier: Apache-2.0
// What a pass file is made of: the pattern drawn in the comment, when it must not fire, a rewrite
// function, and one `const Register` that adds it to the plugin. dead_code.cpp is the shortest example.
//
// A rewrite function is offered one node, inside a transaction: it looks at the node and its
// neighbours, and either edits and returns true, or returns false. The host infers types, verifies, and
// commits; it rolls a fused node back that the device does not take, so a pass only proposes. Node,
// Value and Attr are views that the first edit invalidates: look first, compute what is needed, then edit.
//
// No pass changes a result beyond rounding. What cannot be shown from the graph alone (an unknown
// dimension, a value that is not constant) is taken to be against it.
#pragma once

#include <array>
#include <unordered_set>
#include <utility>

#include <hrt/plugin.hpp>

namespace hrt::passes {

using namespace hrt::sdk;

// A node to be made.
struct NewNode {
  const char* domain = "";
  const char* op;
  std::vector<uint32_t> inputs;
  std::vector<Attr> attrs = {};
  const char* name = nullptr;  // nullptr: that of the node replaced
};

// The graph that the offered node is in, and the transaction on it.
class Rewriter {
 public:
  Rewriter(hrt_pass_run* run, hrt_edit* edit) : run_(run), edit_(edit) {}

  // ---- looking
  Graph graph() const { return edit_.graph(); }
  Node node(uint32_t id) const { return graph().node(id); }
  Value value(uint32_t id) const { return graph().value(id); }
  uint32_t flags(const Node& node) const { return g_host.pass->op_flags(run_, node.graph(), node.id()); }

  // The node that computes a value, when there is one and it is this operator.
  std::optional<Node> producer(uint32_t value) const;
  std::optional<Node> producer(uint32_t value, std::string_view op, std::string_view domain = "") const;
  // The same for the inside of a pattern: only where the value has a single use and is no output of the
  // graph, so that nobody misses it.
  std::optional<Node> sole_producer(uint32_t value) const;
  std::optional<Node> sole_producer(uint32_t value, std::string_view op, std::string_view domain = "") const;
  bool single_use(uint32_t value) const;
  // Nobody uses the value, nodes that this transaction removed apart. HRT_NONE is unused.
  bool unused(uint32_t value) const;

  // The only element of a constant with one element; integers and floats alike.
  std::optional<double> scalar(uint32_t value) const;
  bool is_scalar(uint32_t value, double expected) const;  // to within two roundings of its type
  // Is it a constant with one element, and does broadcasting it against x leave the shape of x alone?
  bool keeps_shape(uint32_t constant, uint32_t x) const;
  // For an operator of two operands, one of which is such a constant of this value: the other operand.
  std::optional<uint32_t> operand_beside(const Node& node, double expected) const;
  // The elements of a constant integer tensor.
  std::optional<Dims> integers(uint32_t value) const;

  // ---- editing
  Edit& edit() { return edit_; }
  // Adds a node with one output, and returns that.
  uint32_t add(const NewNode& node);
  // Puts a new node in the place of one with a single wanted output, and removes what it made unused.
  void replace(uint32_t node, NewNode with);
  // Every use of the node's output 0 becomes one of `value`, and what that made unused is removed.
  void replace(uint32_t node, uint32_t value);
  // Removes a node whose outputs are unused, and then the nodes that fed nothing but it.
  void remove(uint32_t node);
  // Evaluates a node on constants, now; returns its outputs as constants, or nothing where the host will
  // not or cannot.
  std::optional<std::vector<uint32_t>> evaluate(const Node& node);
  // A constant of a floating-point type; each element is rounded once.
  uint32_t add_floats(hrt_dtype dtype, const Dims& dims, std::span<const double> data);

 private:
  hrt_pass_run* run_;
  Edit edit_;
  std::unordered_set<uint32_t> removed_;
};

struct Pass {
  const char* name;
  const char* doc;  // one line
  hrt_phase phase;
  bool (*rewrite)(Rewriter& r, const Node& node);
};

// Adds a pass to the plugin; at namespace scope.
class Register {
 public:
  explicit Register(const Pass& pass);
};

// ------------------------------------------------------------------------------- common questions

// Are the shapes provably equal? Equal symbols are equal dimensions; unknown ones are not.
bool same_shape(std::span<const int64_t> a, std::span<const int64_t> b);
bool same_shape(const Value& a, const Value& b);  // false where a rank is unknown

// All elements as double; empty for types that are not real numbers. 64-bit integers are rounded.
std::vector<double> to_doubles(const Tensor& t);
bool all_equal(const Tensor& t, double expected);  // every element is exactly that, the sign of zero too

// float16, bfloat16, float32, float64
bool is_float(hrt_dtype dtype);

// Axes of a tensor of that rank, negative ones made positive; nothing when one is out of range.
std::optional<Dims> normalise_axes(Dims axes, int64_t rank);

// Both operands of a node that has two, in either order: for operators that commute.
std::array<std::pair<uint32_t, uint32_t>, 2> both_orders(const Node& node);

// A copy of the node's attributes, to hand to a NewNode; no longer valid than the node.
std::vector<Attr> attributes_of(const Node& node);

}  // namespace hrt::passes
