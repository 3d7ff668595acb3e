// SPDX-License-Identifier: Apache-2.0
// Vector loads and stores of partial vectors, and loops over contiguous floats made of them. The last,
// partial vector runs through the same function as the others, so that an element's result does not
// depend on where a range begins or ends.
#pragma once

#include <cstdint>
#include <cstring>

#include "backends/cpu/op.h"
#include "backends/cpu/simd.h"

namespace hrt::cpu {

// Calls f(begin, end) over 0 ... count-1 in parallel, cut at multiples of a few cache lines.
template <class F>
void for_elements(int64_t count, double ns_each, F&& f) {
  constexpr int64_t kUnit = 256;
  parallel(ceil_div(count, kUnit), ns_each * kUnit,
           [&](int64_t begin, int64_t end) { f(begin * kUnit, std::min(end * kUnit, count)); });
}

// The first n < kLanes floats at p; nothing beyond is touched. Other lanes: zero.
HWY_INLINE Vec load_n(const float* p, int64_t n) {
#if HWY_CAP_GE256
  return hn::MaskedLoad(hn::FirstN(f32, size_t(n)), f32, p);
#else
  alignas(64) float buffer[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) buffer[i] = p[i];
  return hn::Load(f32, buffer);
#endif
}
HWY_INLINE void store_n(Vec v, float* p, int64_t n) {
#if HWY_CAP_GE256
  hn::BlendedStore(v, hn::FirstN(f32, size_t(n)), f32, p);
#else
  alignas(64) float buffer[kLanes];
  hn::Store(v, f32, buffer);
  for (int64_t i = 0; i < n; ++i) p[i] = buffer[i];
#endif
}

// y[i] = f(x[i]). y may be x.
template <class F>
HWY_INLINE void map(const float* x, float* y, int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(f(hn::LoadU(f32, x + i)), f32, y + i);
  if (i < n) store_n(f(load_n(x + i, n - i)), y + i, n - i);
}

// y[i] = f(a[i], b[i]); a stride of 0 repeats the first element. y may be a or b.
template <int kStrideA, int kStrideB, class F>
HWY_INLINE void map2(const float* a, const float* b, float* y, int64_t n, F f) {
  if (n <= 0) return;
  const Vec a0 = hn::Set(f32, *a), b0 = hn::Set(f32, *b);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec va = kStrideA ? hn::LoadU(f32, a + i) : a0;
    const Vec vb = kStrideB ? hn::LoadU(f32, b + i) : b0;
    hn::StoreU(f(va, vb), f32, y + i);
  }
  if (i < n) {
    const Vec va = kStrideA ? load_n(a + i, n - i) : a0;
    const Vec vb = kStrideB ? load_n(b + i, n - i) : b0;
    store_n(f(va, vb), y + i, n - i);
  }
}

// The sum of f(x[i]), in an order that depends on n alone.
template <class F>
HWY_INLINE float sum_of(const float* x, int64_t n, F f) {
  Vec a0 = hn::Zero(f32), a1 = a0, a2 = a0, a3 = a0;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    a0 = hn::Add(a0, f(hn::LoadU(f32, x + i)));
    a1 = hn::Add(a1, f(hn::LoadU(f32, x + i + kLanes)));
    a2 = hn::Add(a2, f(hn::LoadU(f32, x + i + 2 * kLanes)));
    a3 = hn::Add(a3, f(hn::LoadU(f32, x + i + 3 * kLanes)));
  }
  for (; i + kLanes <= n; i += kLanes) a0 = hn::Add(a0, f(hn::LoadU(f32, x + i)));
  if (i < n) a1 = hn::Add(a1, hn::IfThenElseZero(hn::FirstN(f32, size_t(n - i)), f(load_n(x + i, n - i))));
  return hn::GetLane(hn::SumOfLanes(f32, hn::Add(hn::Add(a0, a1), hn::Add(a2, a3))));
}

}  // namespace hrt::cpu
