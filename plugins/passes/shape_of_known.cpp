// SPDX-License-Identifier: Apache-2.0
// shape-of-known: Shape and Size of a tensor whose dimensions are all numbers become a constant, and the
// tensor need not be computed for their sake.
//
//     x (2x3) ── Shape ──▶ y      =>      [2, 3] ──▶ y
//
// Must not fire when one of the dimensions asked for is a symbol or unknown.
#include <algorithm>

#include "pass.h"

namespace hrt::passes {
namespace {

bool rewrite(Rewriter& r, const Node& node) {
  const bool shape = node.is("Shape");
  if (!shape && !node.is("Size")) return false;
  const Value x = r.value(node.input(0));
  if (!x.ranked()) return false;

  auto dims = x.dims();
  if (shape) {  // start and end clamp to the rank
    const int64_t rank = x.rank();
    const auto clamp = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
    const int64_t start = clamp(node.i("start", 0));
    const int64_t end = std::max(start, clamp(node.i("end", rank)));
    dims = dims.subspan(size_t(start), size_t(end - start));
  }
  if (!all_numbers(dims)) return false;

  const Dims elements = shape ? Dims(dims.begin(), dims.end()) : Dims{element_count(dims)};
  const Dims form = shape ? Dims{int64_t(dims.size())} : Dims{};
  const uint32_t id = node.id();
  r.replace(id, r.edit().add_constant(nullptr, form, std::span<const int64_t>(elements)));
  return true;
}

const Register shape_of_known({"shape-of-known", "Shape and Size of known dimensions become constants",
                               HRT_PHASE_CLEANUP, rewrite});

}  // namespace
}  // namespace hrt::passes
