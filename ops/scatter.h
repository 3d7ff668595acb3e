// SPDX-License-Identifier: Apache-2.0
// What ScatterElements and ScatterND share: index tuples, and how an update meets the element there.
#pragma once

#include "elements.h"

namespace hrt::ops {

// Offset of the slice that an index tuple (negative ones count from the back) picks.
inline int64_t tuple_offset(std::span<const int64_t> tuple, std::span<const int64_t> dims,
                            const Dims& strides) {
  int64_t offset = 0;
  for (size_t d = 0; d < tuple.size(); ++d) {
    const int64_t k = tuple[d], n = dims[d];
    require(k >= -n && k < n, "index ", k, " is outside the ", n, " elements of axis ", d);
    offset += (k < 0 ? k + n : k) * strides[d];
  }
  return offset;
}

// Calls visit(combine), where combine(to, from) applies update `from` to element `to` of y.
template <class Visit>
void scatter(const Tensor& y, const Tensor& updates, const std::string& reduction, Visit&& visit) {
  if (reduction == "none") return visit(Mover(y, updates));
  auto reduce = [&](auto&& f) {
    dispatch_layout(y.dtype(), [&]<class L>() {
      if constexpr (std::is_same_v<typename L::value, float8e8m0>) {
        unsupported("reduction of ", dtype_name(y.dtype()));
      } else {
        visit([&](int64_t to, int64_t from) {
          using V = typename L::value;
          using A = std::conditional_t<std::is_arithmetic_v<V>, V, float>;
          const A r = A(f(A(L::get(y.raw(), to)), A(L::get(updates.raw(), from))));
          L::set(y.raw(), to, V(r));
        });
      }
    });
  };
  // Integers wrap: unsigned arithmetic, where signed would overflow.
  auto wide = [](auto v) {
    if constexpr (std::is_integral_v<decltype(v)>)
      return uint64_t(v);
    else
      return v;
  };
  if (reduction == "add") return reduce([&](auto a, auto b) { return wide(a) + wide(b); });
  if (reduction == "mul") return reduce([&](auto a, auto b) { return wide(a) * wide(b); });
  if (reduction == "max") return reduce([](auto a, auto b) { return a < b || b != b ? b : a; });
  if (reduction == "min") return reduce([](auto a, auto b) { return b < a || b != b ? b : a; });
  fail("there is no reduction ", reduction);
}

}  // namespace hrt::ops
