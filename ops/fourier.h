// SPDX-License-Identifier: Apache-2.0
// The discrete Fourier transform of one line, for DFT and STFT: as fast as the length has small factors.
#pragma once

#include <complex>
#include <numbers>
#include <vector>

#include "op.h"

namespace hrt::ops {

using Complex = std::complex<double>;

class Fourier {
 public:
  // direction: -1 forward, 1 inverse without the factor 1 / n
  Fourier(int64_t n, int direction) : root_(size_t(n)) {
    for (int64_t k = 0; k < n; ++k)
      root_[size_t(k)] = std::polar(1.0, direction * 2 * std::numbers::pi * double(k) / double(n));
  }
  // The sums over i of x[i] * root^(i k), for k = 0 ... n - 1. x has n elements.
  std::vector<Complex> operator()(const std::vector<Complex>& x) const {
    std::vector<Complex> out(root_.size());
    transform(x.data(), 1, root_.size(), out.data());
    return out;
  }

 private:
  // Decimation in time (Cooley and Tukey): p transforms of every p-th element, then their combination.
  void transform(const Complex* x, size_t step, size_t n, Complex* out) const {
    if (n == 1) {
      *out = *x;
      return;
    }
    size_t p = 2;  // the smallest factor
    while (n % p != 0) p = p * p > n ? n : p + 1;
    const size_t m = n / p;
    for (size_t r = 0; r < p; ++r) transform(x + r * step, step * p, m, out + r * m);
    std::vector<Complex> part(p);
    for (size_t k = 0; k < m; ++k) {
      for (size_t r = 0; r < p; ++r) part[r] = out[r * m + k];
      for (size_t q = 0; q < p; ++q) {
        const size_t turn = (k + q * m) * step;  // the power of the root of the whole length
        Complex sum = 0;
        for (size_t r = 0, at = 0; r < p; ++r, at = (at + turn) % root_.size()) sum += part[r] * root_[at];
        out[k + q * m] = sum;
      }
    }
  }

  std::vector<Complex> root_;
};

// A scalar integer input; nothing when it is absent.
inline std::optional<int64_t> scalar(const Kernel& c, uint32_t input, const char* name) {
  const auto t = c.optional(input);
  if (!t) return std::nullopt;
  require(t->size() == 1, name, " has shape ", t->dims(), ", not scalar");
  return to_int64s(*t)[0];
}

}  // namespace hrt::ops
