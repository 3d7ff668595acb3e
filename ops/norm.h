// SPDX-License-Identifier: Apache-2.0
// What normalisations share: parameters as double, mean and variance of a run of elements.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "op.h"

namespace hrt::ops {

// The elements of a floating-point tensor.
inline std::vector<double> to_doubles(const Tensor& t) {
  std::vector<double> out;
  out.reserve(size_t(t.size()));
  dispatch(Floats{}, t.dtype(), [&]<class T>() {
    for (T v : t.span<T>()) out.push_back(double(v));
  });
  return out;
}

// A parameter with one element per channel.
inline std::vector<double> per_channel(const Kernel& c, uint32_t input, int64_t channels, const char* name) {
  const Tensor t = c.input(input);
  require(t.rank() == 1 && t.dim(0) == channels, name, " has shape ", t.dims(), " for ", channels,
          " channels");
  return to_doubles(t);
}

struct Moments {
  double mean = 0;
  double variance = 0;  // of the population
};

// Of the elements that each(f) calls f with, n of them.
template <class Each>
Moments moments(int64_t n, Each each) {
  Moments m;
  each([&](double v) { m.mean += v; });
  m.mean /= double(n);
  each([&](double v) { m.variance += (v - m.mean) * (v - m.mean); });
  m.variance /= double(n);
  return m;
}
template <class T>
Moments moments(const T* x, int64_t n) {
  return moments(n, [&](auto f) {
    for (int64_t i = 0; i < n; ++i) f(double(x[i]));
  });
}

}  // namespace hrt::ops
