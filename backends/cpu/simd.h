// SPDX-License-Identifier: Apache-2.0
// Highway for the one instruction set that this library is compiled for (CMakeLists.txt: every file
// of a library gets the same -m flags, and HWY_COMPILE_ONLY_STATIC), so kernels are plain functions:
// no dispatch, no per-target namespaces.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <hwy/highway.h>

namespace hrt::cpu {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using Vec = hn::Vec<F32>;
inline constexpr F32 f32;
inline constexpr int kLanes = int(HWY_LANES(float));  // == kBlock

// A rough time of one scalar multiply-add among vectors of them, for parallel().
inline constexpr double kNsPerFma = 1.0 / (kLanes * 2 * 3.0);

// Calls f(0) ... f(N - 1), each argument a constant: arrays of vectors that are indexed by it stay in
// registers, which loops leave to the optimiser's mood.
template <size_t N, class F>
HWY_INLINE void unroll(F&& f) {
  [&]<size_t... I>(std::index_sequence<I...>)
      HWY_ATTR { (f(std::integral_constant<size_t, I>{}), ...); }(std::make_index_sequence<N>{});
}

}  // namespace hrt::cpu
