// SPDX-License-Identifier: Apache-2.0
// The discrete Fourier transform of complex lines of any length, forward, in the type of the elements.
//
// Lengths of factors 2, 3, 4 and 5 go through Stockham's passes: decimation in frequency, results in order,
// inner loops over contiguous memory (C. Van Loan, "Computational Frameworks for the Fast Fourier
// Transform", 1992). Others become a convolution with a chirp of a power-of-two length (L. Bluestein, 1968).
//
// Products are rounded before they are added: fused multiply-adds would be as accurate, but the standard's
// evaluator has none, and its test data keep the rounding of zeros.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "backends/cpu/simd.h"

namespace hrt::cpu {

// cos and sin of 2 pi k / n for 0 <= k < n; 0 and 1 where they should be.
struct Root {
  double c, s;
};
Root unit_root(int64_t k, int64_t n);

// Real and imaginary parts, apart.
template <class T>
struct Complex {
  T *re, *im;
  Complex swapped() const { return {im, re}; }  // of input and output: the transform is the inverse
  bool operator==(const Complex&) const = default;
};

template <class T>
class Fft {
 public:
  static constexpr int64_t kLanes = int64_t(hn::MaxLanes(hn::ScalableTag<T>()));

  // n >= 1. Of `width` lines side by side, a multiple of kLanes: element i of line l is at i * width + l.
  // Or of width 1, a single line, whose vectors are made of parts of it.
  Fft(int64_t n, int64_t width);

  int64_t width() const { return width_; }
  int64_t rows() const { return a_ ? std::max(n_, a_->n_ * (b_ ? b_->n_ : 1)) : n_; }  // of each buffer
  // x and spare are overwritten; the answer is the one of them that holds the result.
  Complex<T> run(Complex<T> x, Complex<T> spare) const;

 private:
  struct Pass {
    int radix;
    int64_t count, run;  // butterflies of different twiddles; contiguous elements that share them
    size_t twiddles;
  };
  void make_passes();
  void make_bluestein(int64_t length);
  void make_square(int64_t columns);
  void add_root(int64_t k, int64_t n);  // e^(-2 pi i k / n)
  void transpose(Complex<T> x, Complex<T> y) const;
  void multiply(Complex<T> x, const T* re, const T* im, int64_t rows) const;

  int64_t n_, width_;
  std::vector<Pass> passes_;
  // Passes: twiddles. Bluestein: the chirp, then the transform of its conjugate. Square: twiddles between
  // the transforms of columns and of rows.
  std::vector<T> re_, im_;
  std::unique_ptr<Fft> a_, b_;  // a alone: the convolution's; both: of columns, of rows
};

extern template class Fft<float>;
extern template class Fft<double>;

}  // namespace hrt::cpu
