// SPDX-License-Identifier: Apache-2.0
// sequences: lists of tensors whose members the graph tells go away, and with them the host's nodes and the
// ends of stages that their unknown shapes were. Exporters write a list where a program has one: torch.cat of
// what a script appended, the parts of a chunk.
//
//     SequenceConstruct(a, b) ── SequenceInsert(c) ── ConcatFromSequence ──▶ y     =>     Concat(a, b, c) ──▶
//     y SequenceConstruct(a, b) ── SequenceAt(1) ──▶ y                               =>     b ──▶ y
//     SequenceConstruct(a, b) ── SequenceLength ──▶ n                              =>     2 ──▶ n
//     x ── SplitToSequence ──▶ s           =>     x ── Split ── SequenceConstruct ──▶ s
//
// Must not fire when a position or the parts are not known before the run, or outside of the sequence, or
// when the list comes from elsewhere (a loop, an input).
#include <algorithm>
#include <numeric>

#include "pass.h"

namespace hrt::passes {
namespace {

constexpr size_t kMost = 1024;  // members of a list, and nodes looked back at

using Values = std::vector<uint32_t>;

// The place that input i names in a list of n, from the back when negative; absent: the default.
std::optional<size_t> position(const Rewriter& r, const Node& node, size_t i, size_t n, size_t last,
                               size_t absent) {
  if (!node.has_input(i)) return absent;
  const auto p = r.integers(node.input(i));
  if (!p || p->size() != 1) return std::nullopt;
  const int64_t at = p->front() < 0 ? p->front() + int64_t(n) : p->front();
  return at >= 0 && at <= int64_t(last) ? std::optional(size_t(at)) : std::nullopt;
}

// The members of a list, where the nodes that make it tell them.
std::optional<Values> members(const Rewriter& r, uint32_t list) {
  std::vector<Node> edits;  // latest first
  Values values;
  for (;;) {
    const auto maker = r.producer(list);
    if (!maker || edits.size() == kMost) return std::nullopt;
    if (maker->is("SequenceConstruct")) {
      values.assign(maker->inputs().begin(), maker->inputs().end());
      break;
    }
    if (maker->is("SequenceEmpty")) break;
    if (!maker->is("SequenceInsert") && !maker->is("SequenceErase")) return std::nullopt;
    list = maker->input(0);
    edits.push_back(*maker);
  }
  for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) {
    const size_t n = values.size();
    if (edit->is("SequenceInsert")) {
      const auto at = position(r, *edit, 2, n, n, n);
      if (!at || n == kMost) return std::nullopt;
      values.insert(values.begin() + std::ptrdiff_t(*at), edit->input(1));
    } else {
      if (n == 0) return std::nullopt;
      const auto at = position(r, *edit, 1, n, n - 1, n - 1);
      if (!at) return std::nullopt;
      values.erase(values.begin() + std::ptrdiff_t(*at));
    }
  }
  return values;
}

uint32_t add_ints(Rewriter& r, const Dims& dims, const Dims& data) {
  return r.edit().add_constant(nullptr, dims, std::span<const int64_t>(data));
}

bool concat(Rewriter& r, const Node& node) {
  auto values = members(r, node.input(0));
  if (!values || values->empty()) return false;
  const uint32_t id = node.id();
  const int64_t axis = node.i("axis");
  if (node.i("new_axis") != 0) {  // which counts from the back as Unsqueeze does: with the new one
    const uint32_t axes = add_ints(r, {1}, {axis});
    for (uint32_t& v : *values) v = r.add({.op = "Unsqueeze", .inputs = {v, axes}});
  }
  r.replace(id, {.op = "Concat", .inputs = *values, .attrs = {Attr::of("axis", axis)}});
  return true;
}

bool at(Rewriter& r, const Node& node) {
  const auto values = members(r, node.input(0));
  if (!values || values->empty()) return false;
  const auto i = position(r, node, 1, values->size(), values->size() - 1, 0);
  if (!i) return false;
  r.replace(node.id(), (*values)[*i]);
  return true;
}

bool length(Rewriter& r, const Node& node) {
  const auto values = members(r, node.input(0));
  if (!values) return false;
  const uint32_t id = node.id();
  r.replace(id, add_ints(r, {}, {int64_t(values->size())}));
  return true;
}

// The lengths of the parts of a SplitToSequence along an axis of length n.
std::optional<Dims> parts_of(const Rewriter& r, const Node& node, int64_t n) {
  std::optional<Dims> split = node.has_input(1) ? r.integers(node.input(1)) : Dims{1};
  if (!split) return std::nullopt;
  if (node.has_input(1) && r.value(node.input(1)).rank() > 0) return split;
  const int64_t part = split->front();
  if (!is_number(n) || part <= 0 || n / part >= int64_t(kMost)) return std::nullopt;
  Dims parts(size_t(n / part), part);
  if (n % part != 0) parts.push_back(n % part);
  return parts;
}

bool split(Rewriter& r, const Node& node) {
  const Value x = r.value(node.input(0));
  if (!x.ranked()) return false;
  const auto axes = normalise_axes({node.i("axis")}, x.rank());
  if (!axes) return false;
  const int64_t axis = axes->front(), n = x.dims()[size_t(axis)];
  const auto parts = parts_of(r, node, n);
  if (!parts || parts->empty() || parts->size() > kMost || std::ranges::min(*parts) < 0) return false;
  if (is_number(n) && std::accumulate(parts->begin(), parts->end(), int64_t(0)) != n)
    return false;  // an error that is for the run to find

  const uint32_t id = node.id();
  const bool keep = node.has_input(1) || node.i("keepdims", 1) != 0;
  const uint32_t inputs[] = {node.input(0), add_ints(r, {int64_t(parts->size())}, *parts)};
  const std::vector<const char*> names(parts->size(), nullptr);
  const Attr attrs[] = {Attr::of("axis", axis)};
  Values values = r.edit().add_node("", "Split", inputs, names, attrs).outputs;
  if (!keep) {
    const uint32_t squeezed = add_ints(r, {1}, {axis});
    for (uint32_t& v : values) v = r.add({.op = "Squeeze", .inputs = {v, squeezed}});
  }
  r.replace(id, {.op = "SequenceConstruct", .inputs = values});
  return true;
}

bool rewrite(Rewriter& r, const Node& node) {
  if (node.is("ConcatFromSequence")) return concat(r, node);
  if (node.is("SequenceAt")) return at(r, node);
  if (node.is("SequenceLength")) return length(r, node);
  if (node.is("SplitToSequence")) return split(r, node);
  return false;
}

const Register sequences({"sequences", "lists of tensors whose members are known become those",
                          HRT_PHASE_CLEANUP, rewrite});

}  // namespace
}  // namespace hrt::passes
