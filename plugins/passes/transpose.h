// SPDX-License-Identifier: Apache-2.0
// Permutations of axes, and moving a transposition through the operators that do not care about the
// order of axes: for transpose-elimination.
#pragma once

#include <map>

#include "pass.h"

namespace hrt::passes {

// The permutation of a Transpose node: axis i of the output is axis perm[i] of the input. Nothing when it
// is not known.
std::optional<Dims> perm_of(const Rewriter& r, const Node& node);
bool is_identity(const Dims& perm);
Dims inverse(const Dims& perm);
Dims compose(const Dims& first, const Dims& then);  // the permutation of Transpose(first), Transpose(then)

uint32_t add_transpose(Rewriter& r, uint32_t x, const Dims& perm);

// The part of the graph above a value that can be computed with permuted axes: element-wise operators,
// reductions that keep their axes, Softmax, Concat. At its upper border are constants, which are permuted
// once and for all; Transposes, which cancel or compose; and other values, which get a new Transpose.
// Where a value inside has users outside, these get one that permutes back.
//
//     t ── Transpose ─┐
//                     Add ── Relu ──▶ value         =>     t ── Add ── Relu ──▶ value, permuted
//     c ──────────────┘                                    c' ──┘
class Region {
 public:
  // sink: the node that wants `value` permuted; what it reads does not count as use outside. With
  // through_shared, the region goes on through values that have more than one user.
  Region(Rewriter& r, uint32_t value, const Dims& perm, uint32_t sink, bool through_shared);

  // How many Transposes computing it permuted saves (negative: costs), the sink not counted.
  int saving() const { return saving_; }

  // Adds the permuted nodes, and returns the permuted value. When the sink no longer reads the old one,
  // finish() sees to the users outside.
  uint32_t build();
  void finish();

 private:
  enum class Kind { kNode, kSource, kConstant, kBorder };
  struct Move {
    Kind kind;
    uint32_t node;  // kNode, kSource: the producer
  };

  bool keeps_as_it_is(uint32_t operand) const;
  bool can_move(const Node& node) const;
  void visit(uint32_t value);
  void count_saving(uint32_t sink);
  bool used_outside(uint32_t value, uint32_t sink) const;
  uint32_t moved_axes(const Node& node);
  uint32_t build_node(uint32_t node);
  uint32_t build_constant(uint32_t value);

  Rewriter& r_;
  Dims perm_;
  bool through_shared_;
  uint32_t value_;
  std::map<uint32_t, Move> moves_;  // by value
  std::vector<uint32_t> order_;     // values, producers first
  std::vector<uint32_t> shared_;    // those that are used outside
  std::map<uint32_t, uint32_t> built_;
  int saving_ = 0;
};

}  // namespace hrt::passes
