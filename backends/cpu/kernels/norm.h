// SPDX-License-Identifier: Apache-2.0
// Statistics of a row and their use, for the normalisations over last axes.
#pragma once

#include <cmath>

#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/vec_math.h"

namespace hrt::cpu {

struct Moments {
  float mean, inverse;  // 1 / sqrt(variance + epsilon)
};

inline Moments moments(const float* x, int64_t n, float epsilon) {
  const float mean = sum_of(x, n, [](Vec v) { return v; }) / float(n);
  const Vec m = vec::set(mean);
  const float squares = sum_of(x, n, [&](Vec v) {
    const Vec d = hn::Sub(v, m);
    return hn::Mul(d, d);
  });
  return {mean, 1.0f / std::sqrt(squares / float(n) + epsilon)};
}

// With a mean of zero, whatever it is: what RMSNormalization divides by.
inline Moments root_mean_square(const float* x, int64_t n, float epsilon) {
  const float squares = sum_of(x, n, [](Vec v) { return hn::Mul(v, v); });
  return {0, 1.0f / std::sqrt(squares / float(n) + epsilon)};
}

// y = (x - mean) * inverse * scale + bias; bias may be NULL, y x.
inline void scale_row(const float* x, float* y, int64_t n, Moments m, const float* scale, const float* bias) {
  const Vec mean = vec::set(m.mean), inverse = vec::set(m.inverse), zero = hn::Zero(f32);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec d = hn::Mul(hn::Sub(hn::LoadU(f32, x + i), mean), inverse);
    const Vec b = bias ? hn::LoadU(f32, bias + i) : zero;
    hn::StoreU(hn::MulAdd(d, hn::LoadU(f32, scale + i), b), f32, y + i);
  }
  const int64_t k = n - i;
  if (k == 0) return;
  const Vec d = hn::Mul(hn::Sub(load_n(x + i, k), mean), inverse);
  store_n(hn::MulAdd(d, load_n(scale + i, k), bias ? load_n(bias + i, k) : zero), y + i, k);
}

}  // namespace hrt::cpu
