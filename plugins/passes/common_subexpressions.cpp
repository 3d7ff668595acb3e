// SPDX-License-Identifier: Apache-2.0
// common-subexpressions: two nodes that compute the same become one.
//
//     x ─┬─ Op ──▶ y      =>      x ── Op ─┬─▶ y
//        └─ Op ──▶ z                       └─▶ z
//
// The same: operator, inputs (or small constants with the same bytes) and attributes. Must not fire for
// operators that are not deterministic or run nested bodies, nor when the node that would stay lacks an
// output that the other has.
#include <algorithm>
#include <bit>

#include "pass.h"

namespace hrt::passes {
namespace {

constexpr size_t kSmallBytes = 1024;    // constants compared by content: axes, shapes, scalars
constexpr size_t kMaxCandidates = 256;  // bounds the search where thousands of nodes read one value

bool same_tensor(const hrt_tensor& a, const hrt_tensor& b) {
  if (a.dtype != b.dtype || a.dtype == HRT_STRING || a.rank != b.rank || a.bytes != b.bytes) return false;
  return std::equal(a.dims, a.dims + a.rank, b.dims) &&
         (a.bytes == 0 || std::memcmp(a.data, b.data, a.bytes) == 0);
}

bool same_value(const Rewriter& r, uint32_t a, uint32_t b) {
  if (a == b) return true;
  if (a == HRT_NONE || b == HRT_NONE) return false;
  const auto x = r.value(a).constant(), y = r.value(b).constant();
  return x && y && x->bytes() <= kSmallBytes && same_tensor(x->c(), y->c());
}

std::string_view text(const hrt_str& s) { return {s.data, s.size}; }

bool same_attr(const hrt_attr& a, const hrt_attr& b) {
  if (a.type != b.type) return false;
  switch (a.type) {
    case HRT_ATTR_INT: return a.i == b.i;
    case HRT_ATTR_FLOAT: return std::bit_cast<uint32_t>(a.f) == std::bit_cast<uint32_t>(b.f);
    case HRT_ATTR_STRING: return text(a.s) == text(b.s);
    case HRT_ATTR_TENSOR: return same_tensor(*a.tensor, *b.tensor);
    case HRT_ATTR_INTS: return std::equal(a.ints, a.ints + a.count, b.ints, b.ints + b.count);
    case HRT_ATTR_FLOATS:
      return a.count == b.count &&
             (a.count == 0 || std::memcmp(a.floats, b.floats, a.count * sizeof(float)) == 0);
    case HRT_ATTR_STRINGS:
      return std::equal(a.strings, a.strings + a.count, b.strings, b.strings + b.count,
                        [](const hrt_str& x, const hrt_str& y) { return text(x) == text(y); });
    default: return false;
  }
}

bool same_attrs(const Node& a, const Node& b) {
  if (a.attr_count() != b.attr_count()) return false;
  for (size_t i = 0; i < a.attr_count(); ++i) {
    const Attr x = a.attr_at(i);
    if (!same_attr(x.c(), b.attr(x.c().name).c())) return false;
  }
  return true;
}

// Can `kept` stand in for `node`?
bool same(const Rewriter& r, const Node& kept, const Node& node) {
  if (!kept.is(node.op(), node.domain())) return false;
  const auto a = kept.inputs(), b = node.inputs();
  if (!std::equal(a.begin(), a.end(), b.begin(), b.end(),
                  [&](uint32_t x, uint32_t y) { return same_value(r, x, y); }))
    return false;
  for (size_t i = 0; i < node.outputs().size(); ++i)
    if (node.output(i) != HRT_NONE && kept.output(i) == HRT_NONE) return false;
  return same_attrs(kept, node);
}

// A node that computes the same reads the same values: it is among the consumers of each input that is
// not constant. The input with the fewest consumers makes the search short.
std::vector<uint32_t> candidates(const Rewriter& r, const Node& node) {
  std::vector<uint32_t> found;
  bool first = true;
  for (uint32_t v : node.inputs()) {
    if (v == HRT_NONE) continue;
    const Value x = r.value(v);
    if (x.is_constant() || (!first && x.consumers().size() >= found.size())) continue;
    found.assign(x.consumers().begin(), x.consumers().end());
    first = false;
  }
  if (found.size() > kMaxCandidates) found.resize(kMaxCandidates);
  return found;
}

bool rewrite(Rewriter& r, const Node& node) {
  if (r.flags(node) & (HRT_OP_NONDETERMINISTIC | HRT_OP_CONTROL)) return false;
  for (uint32_t other : candidates(r, node)) {
    if (other == node.id()) continue;
    const Node kept = r.node(other);
    if (!same(r, kept, node)) continue;
    const std::vector<uint32_t> from(node.outputs().begin(), node.outputs().end());
    const std::vector<uint32_t> to(kept.outputs().begin(), kept.outputs().end());
    const uint32_t id = node.id();
    for (size_t i = 0; i < from.size(); ++i)
      if (from[i] != HRT_NONE) r.edit().replace_uses(from[i], to[i]);
    r.remove(id);
    return true;
  }
  return false;
}

const Register common_subexpressions({"common-subexpressions", "computes once what is computed twice",
                                      HRT_PHASE_CLEANUP, rewrite});

}  // namespace
}  // namespace hrt::passes
