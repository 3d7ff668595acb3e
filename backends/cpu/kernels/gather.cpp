// SPDX-License-Identifier: Apache-2.0
// Gather: whole slices behind the axis are copied for each index. Indices are checked, all of them,
// before the first is used.
#include <cstring>

#include "backends/cpu/kernels/movement.h"

namespace hrt::cpu {
namespace {

struct Shape {
  int64_t outer, axis, indices;
  size_t bytes;  // of a slice
};

template <class I>
void check_indices(const I* index, int64_t n, int64_t axis) {
  for (int64_t i = 0; i < n; ++i)
    require(index[i] >= -axis && index[i] < axis, "Gather: index ", int64_t(index[i]), " at position ", i,
            " is outside of an axis of ", axis);
}

template <class I>
void gather(const Shape& s, const Buffers& b) {
  const I* index = b.input<I>(1);
  check_indices(index, s.indices, s.axis);
  const auto* x = b.input<std::byte>(0);
  auto* y = b.output<std::byte>(0);
  const auto copy = [&](int64_t begin, int64_t end, auto bytes) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t i = int64_t(index[r % s.indices]), at = r / s.indices * s.axis + (i < 0 ? i + s.axis : i);
      std::memcpy(y + size_t(r) * bytes, x + size_t(at) * bytes, bytes);
    }
  };
  parallel(s.outer * s.indices, 3 + 0.05 * double(s.bytes), [&](int64_t begin, int64_t end) {
    switch (s.bytes) {  // known sizes need no call
      case 1: return copy(begin, end, std::integral_constant<size_t, 1>());
      case 4: return copy(begin, end, std::integral_constant<size_t, 4>());
      case 8: return copy(begin, end, std::integral_constant<size_t, 8>());
      default: return copy(begin, end, s.bytes);
    }
  });
}

std::string supports(const Node& node) {
  const hrt_dtype index = Graph(node.graph()).value(node.input(1)).dtype();
  if (index != HRT_INT32 && index != HRT_INT64) return sdk::cat("indices of dtype ", dtype_name(index));
  return fixed_size_only(node);
}

Compiled compile(const Node& node) {
  Compiled c;
  c.prepare = [axis = node.i("axis")](const Signature& sig) -> Step {
    const std::span<const int64_t> dims = sig.in[0].dims;
    const size_t at = size_t(checked_axis(axis, int64_t(dims.size())));
    const Shape s{sdk::element_count(dims.first(at)), dims[at], sig.in[1].count(),
                  size_t(sdk::element_count(dims.subspan(at + 1))) * dtype_bytes(sig.in[0].dtype)};
    return {[s, wide = sig.in[1].dtype == HRT_INT64](const Buffers& b) {
      return wide ? gather<int64_t>(s, b) : gather<int32_t>(s, b);
    }};
  };
  return c;
}

}  // namespace

std::span<const Op> gather_ops() {
  static const Op ops[] = {{"", "Gather", supports, compile}};
  return ops;
}

}  // namespace hrt::cpu
