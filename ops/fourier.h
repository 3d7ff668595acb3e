// SPDX-License-Identifier: Apache-2.0
// The discrete Fourier transform of one line, for DFT and STFT: as fast as the length has small factors.
//
// It computes in the type of the elements and rounds where the usual implementations do (decimation in
// frequency, factors of 2 first, elements j and p - j of an odd factor p together), the standard's evaluator
// among them: what should be zero comes out as their rounding of it, which test data expect.
#pragma once

#include <complex>
#include <numbers>
#include <vector>

#include "op.h"

namespace hrt::ops {

template <class T>
class Fourier {
 public:
  using Complex = std::complex<T>;

  // direction: -1 forward, 1 inverse without the factor 1 / n
  Fourier(int64_t n, int direction) : root_(size_t(n)) {
    for (int64_t k = 0; k < n; ++k)
      root_[size_t(k)] = std::polar(1.0, direction * 2 * std::numbers::pi * double(k) / double(n));
  }
  // The sums over i of x[i] * root^(i k), for k = 0 ... n - 1. x has n elements; real: of real numbers.
  std::vector<Complex> operator()(std::vector<Complex> x, bool real) const {
    const size_t n = x.size();
    std::vector<Complex> out(n);
    transform(x.data(), n, out.data(), 1);
    for (size_t k = 0; real && 2 * k <= n; ++k) {  // then the upper half mirrors the lower
      Complex &a = out[k], &b = out[(n - k) % n];
      a = (a + std::conj(b)) / T(2);
      b = std::conj(a);
    }
    return out;
  }

 private:
  // Decimation in frequency (Gentleman and Sande): p transforms of sums of every m-th element. The results
  // are step apart; x is overwritten.
  void transform(Complex* x, size_t n, Complex* out, size_t step) const {
    if (n == 1) {
      *out = *x;
      return;
    }
    size_t p = 2;  // the smallest factor
    while (n % p != 0) p = p * p > n ? n : p + 1;
    const size_t m = n / p;
    std::vector<Complex> part(p);
    for (size_t k = 0; k < m; ++k) {
      for (size_t j = 0; j < p; ++j) part[j] = x[k + j * m];
      butterfly(part);
      for (size_t j = 0; j < p; ++j) x[k + j * m] = part[j] * root_[j * k * step];
    }
    for (size_t j = 0; j < p; ++j) transform(x + j * m, m, out + j * step, step * p);
  }

  // The transform of a prime number of elements, in place.
  void butterfly(std::vector<Complex>& x) const {
    const size_t p = x.size(), half = (p - 1) / 2;
    const Complex first = x[0];
    if (p == 2) {
      x = {first + x[1], first - x[1]};
      return;
    }
    std::vector<Complex> sum, difference;
    for (size_t j = 1; j <= half; ++j) {
      sum.push_back(x[j] + x[p - j]);
      difference.push_back(x[j] - x[p - j]);
      x[0] += sum.back();
    }
    for (size_t q = 1; q <= half; ++q) {
      Complex even = first, odd = 0;
      for (size_t j = 1; j <= half; ++j) {
        const Complex root = root_[j * q % p * (root_.size() / p)];
        even += root.real() * sum[j - 1];
        odd += root.imag() * difference[j - 1];
      }
      const Complex turned(-odd.imag(), odd.real());
      x[q] = even + turned;
      x[p - q] = even - turned;
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
