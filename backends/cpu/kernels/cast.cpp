// SPDX-License-Identifier: Apache-2.0
// Conversion between element types. What the standard leaves open is settled as the reference kernel does:
// a float outside of an integer type's range becomes the nearest 64-bit integer, of which the low bits are
// kept (uint64: its own nearest); NaN becomes 0.
#include <cmath>
#include <limits>

#include "backends/cpu/kernels/elementwise.h"
#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/layout.h"

namespace hrt::cpu {
namespace {

// The arithmetic type that stands for a stored one.
template <class T>
struct Arithmetic {
  using type = T;
};
template <>
struct Arithmetic<float16> {
  using type = float;
};
template <>
struct Arithmetic<bfloat16> {
  using type = float;
};

template <class To, class From>
HWY_INLINE To convert(From stored) {
  using A = typename Arithmetic<From>::type;
  const A x = A(stored);
  if constexpr (std::is_same_v<To, bool>) {
    return x != A(0);
  } else if constexpr (!std::is_arithmetic_v<To>) {
    return To(float(x));
  } else if constexpr (std::is_floating_point_v<A> && std::is_integral_v<To>) {
    constexpr bool kWide = std::is_same_v<To, uint64_t>;
    if (kWide && x >= A(0x1p63)) return x < A(0x1p64) ? To(x) : std::numeric_limits<To>::max();
    // Selections instead of branches: the loop becomes vector code.
    const A low = x > A(-0x1p63) ? x : A(-0x1p63);  // NaN too
    const bool high = x >= A(0x1p63);
    const int64_t inside = int64_t(high ? A(0) : low);
    return To(x != x ? 0 : high ? std::numeric_limits<int64_t>::max() : inside);
  } else {
    return To(x);
  }
}

template <class From, class To>
void cast_plain(const void* x, void* y, int64_t begin, int64_t end) {
  const From* from = static_cast<const From*>(x);
  To* to = static_cast<To*>(y);
  for (int64_t i = begin; i < end; ++i) to[i] = convert<To>(from[i]);
}

#if HWY_CAP_GE256  // instructions for half precision; the emulation does not round to nearest
using F16 = hn::Rebind<hwy::float16_t, F32>;

void half_to_float(const void* x, void* y, int64_t begin, int64_t end) {
  const auto* from = static_cast<const hwy::float16_t*>(x);
  auto* to = static_cast<float*>(y);
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes)
    hn::StoreU(hn::PromoteTo(f32, hn::LoadU(F16(), from + i)), f32, to + i);
  cast_plain<float16, float>(x, y, i, end);
}
void float_to_half(const void* x, void* y, int64_t begin, int64_t end) {
  const auto* from = static_cast<const float*>(x);
  auto* to = static_cast<hwy::float16_t*>(y);
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes)
    hn::StoreU(hn::DemoteTo(F16(), hn::LoadU(f32, from + i)), F16(), to + i);
  cast_plain<float, float16>(x, y, i, end);
}
#endif

template <class From>
CastFn cast_from(hrt_dtype to) {
  switch (to) {
    case HRT_FLOAT32: return cast_plain<From, float>;
    case HRT_FLOAT64: return cast_plain<From, double>;
    case HRT_FLOAT16: return cast_plain<From, float16>;
    case HRT_BFLOAT16: return cast_plain<From, bfloat16>;
    case HRT_INT8: return cast_plain<From, int8_t>;
    case HRT_UINT8: return cast_plain<From, uint8_t>;
    case HRT_INT16: return cast_plain<From, int16_t>;
    case HRT_UINT16: return cast_plain<From, uint16_t>;
    case HRT_INT32: return cast_plain<From, int32_t>;
    case HRT_UINT32: return cast_plain<From, uint32_t>;
    case HRT_INT64: return cast_plain<From, int64_t>;
    case HRT_UINT64: return cast_plain<From, uint64_t>;
    case HRT_BOOL: return cast_plain<From, bool>;
    default: return nullptr;
  }
}

}  // namespace

CastFn find_cast(hrt_dtype from, hrt_dtype to) {
#if HWY_CAP_GE256
  if (from == HRT_FLOAT16 && to == HRT_FLOAT32) return half_to_float;
  if (from == HRT_FLOAT32 && to == HRT_FLOAT16) return float_to_half;
#endif
  switch (from) {
    case HRT_FLOAT32: return cast_from<float>(to);
    case HRT_FLOAT64: return cast_from<double>(to);
    case HRT_FLOAT16: return cast_from<float16>(to);
    case HRT_BFLOAT16: return cast_from<bfloat16>(to);
    case HRT_INT8: return cast_from<int8_t>(to);
    case HRT_UINT8: return cast_from<uint8_t>(to);
    case HRT_INT16: return cast_from<int16_t>(to);
    case HRT_UINT16: return cast_from<uint16_t>(to);
    case HRT_INT32: return cast_from<int32_t>(to);
    case HRT_UINT32: return cast_from<uint32_t>(to);
    case HRT_INT64: return cast_from<int64_t>(to);
    case HRT_UINT64: return cast_from<uint64_t>(to);
    case HRT_BOOL: return cast_from<uint8_t>(to);
    default: return nullptr;
  }
}

namespace {

std::string supports(const Node& node) {
  const Graph graph(node.graph());
  const hrt_dtype from = graph.value(node.input(0)).dtype(), to = graph.value(node.output(0)).dtype();
  return find_cast(from, to) ? "" : sdk::cat("from ", dtype_name(from), " to ", dtype_name(to));
}

Compiled compile(const Node&) {
  Compiled c;
  c.prepare = [](const Signature& sig) -> Step {
    return {[f = find_cast(sig.in[0].dtype, sig.out[0].dtype), n = sig.in[0].count()](const Buffers& b) {
      for_elements(n, 0.3, [&](int64_t begin, int64_t end) { f(b.in[0], b.out[0], begin, end); });
    }};
  };
  return c;
}

}  // namespace

void widen(hrt_dtype half, const void* x, float* y, int64_t n) {
  for_elements(n, 0.1,
               [&, f = find_cast(half, HRT_FLOAT32)](int64_t begin, int64_t end) { f(x, y, begin, end); });
}
void narrow(hrt_dtype half, const float* x, void* y, int64_t n) {
  for_elements(n, 0.1,
               [&, f = find_cast(HRT_FLOAT32, half)](int64_t begin, int64_t end) { f(x, y, begin, end); });
}

std::span<const Op> cast_ops() {
  static const Op ops[] = {{"", "Cast", supports, compile}, {"", "CastLike", supports, compile}};
  return ops;
}

}  // namespace hrt::cpu
