// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/fft.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "backends/cpu/op.h"

namespace hrt::cpu {
namespace {

int smallest_radix(int64_t n) {
  for (const int r : {4, 2, 3, 5})
    if (n % r == 0) return r;
  return 0;
}

bool is_smooth(int64_t n) {
  while (n > 1) {
    const int r = smallest_radix(n);
    if (r == 0) return false;
    n /= r;
  }
  return true;
}

// cos and sin of 2 pi k / R.
template <int R>
struct Roots;
template <>
struct Roots<3> {
  static constexpr double kCos[] = {1, -0.5, -0.5}, kSin[] = {0, 0.86602540378443865, -0.86602540378443865};
};
template <>
struct Roots<5> {
  static constexpr double kCos[] = {1, 0.30901699437494742, -0.80901699437494742, -0.80901699437494742,
                                    0.30901699437494742},
                          kSin[] = {0, 0.95105651629515357, 0.58778525229247313, -0.58778525229247313,
                                    -0.95105651629515357};
};

// The transform of R elements, in place.
template <int R, class V>
HWY_INLINE void butterfly(V (&re)[R], V (&im)[R]) {
  using hn::Add, hn::Mul, hn::Sub;
  if constexpr (R == 2) {
    const V r = re[0], i = im[0];
    re[0] = Add(r, re[1]), im[0] = Add(i, im[1]);
    re[1] = Sub(r, re[1]), im[1] = Sub(i, im[1]);
  } else if constexpr (R == 4) {
    const V r0 = Add(re[0], re[2]), i0 = Add(im[0], im[2]), r1 = Sub(re[0], re[2]), i1 = Sub(im[0], im[2]);
    const V r2 = Add(re[1], re[3]), i2 = Add(im[1], im[3]), r3 = Sub(re[1], re[3]), i3 = Sub(im[1], im[3]);
    re[0] = Add(r0, r2), im[0] = Add(i0, i2);
    re[1] = Add(r1, i3), im[1] = Sub(i1, r3);
    re[2] = Sub(r0, r2), im[2] = Sub(i0, i2);
    re[3] = Sub(r1, i3), im[3] = Add(i1, r3);
  } else {  // elements j and R - j share their products
    constexpr size_t kHalf = R / 2;
    const hn::DFromV<V> d;
    using T = hn::TFromD<decltype(d)>;
    V sum_re[kHalf], sum_im[kHalf], dif_re[kHalf], dif_im[kHalf];
    const V r0 = re[0], i0 = im[0];
    unroll<kHalf>([&](auto j) HWY_ATTR {
      sum_re[j] = Add(re[j + 1], re[R - 1 - j]), sum_im[j] = Add(im[j + 1], im[R - 1 - j]);
      dif_re[j] = Sub(re[j + 1], re[R - 1 - j]), dif_im[j] = Sub(im[j + 1], im[R - 1 - j]);
      re[0] = Add(re[0], sum_re[j]), im[0] = Add(im[0], sum_im[j]);
    });
    unroll<kHalf>([&](auto q) HWY_ATTR {
      V cos_re = r0, cos_im = i0, sin_re = hn::Zero(d), sin_im = sin_re;
      unroll<kHalf>([&](auto j) HWY_ATTR {
        constexpr size_t kTurn = (j + 1) * (q + 1) % R;
        const V c = hn::Set(d, T(Roots<R>::kCos[kTurn])), s = hn::Set(d, T(Roots<R>::kSin[kTurn]));
        cos_re = Add(cos_re, Mul(c, sum_re[j])), cos_im = Add(cos_im, Mul(c, sum_im[j]));
        sin_re = Add(sin_re, Mul(s, dif_re[j])), sin_im = Add(sin_im, Mul(s, dif_im[j]));
      });
      re[q + 1] = Add(cos_re, sin_im), im[q + 1] = Sub(cos_im, sin_re);
      re[R - 1 - q] = Sub(cos_re, sin_im), im[R - 1 - q] = Add(cos_im, sin_re);
    });
  }
}

// (re, im) times (c, s).
template <class V>
HWY_INLINE void turn(V& re, V& im, V c, V s) {
  const V r = re;
  re = hn::Sub(hn::Mul(r, c), hn::Mul(im, s));
  im = hn::Add(hn::Mul(r, s), hn::Mul(im, c));
}

// Butterfly k takes run elements k, k + count, ... and leaves its results one after the other.
template <int R, class T>
void pass(int64_t count, int64_t run, const T* w_re, const T* w_im, Complex<T> x, Complex<T> y) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  for (int64_t k = 0; k < count; ++k, w_re += R - 1, w_im += R - 1) {
    V c[R], s[R];
    unroll<R - 1>([&](auto j) HWY_ATTR { c[j] = hn::Set(d, w_re[j]), s[j] = hn::Set(d, w_im[j]); });
    for (int64_t q = 0; q < run; q += Fft<T>::kLanes) {
      V re[R], im[R];
      unroll<R>([&](auto j) HWY_ATTR {
        const int64_t at = (k + int64_t(j) * count) * run + q;
        re[j] = hn::LoadU(d, x.re + at), im[j] = hn::LoadU(d, x.im + at);
      });
      butterfly<R>(re, im);
      unroll<R - 1>([&](auto j) HWY_ATTR { turn(re[j + 1], im[j + 1], c[j], s[j]); });
      unroll<R>([&](auto j) HWY_ATTR {
        const int64_t at = (k * R + int64_t(j)) * run + q;
        hn::StoreU(re[j], d, y.re + at), hn::StoreU(im[j], d, y.im + at);
      });
    }
  }
}

}  // namespace

Root unit_root(int64_t k, int64_t n) {
  const int64_t quarter = (8 * k + n) / (2 * n);  // the nearest
  const double angle = std::numbers::pi / 2 * double(4 * k - quarter * n) / double(n);
  const double c = std::cos(angle), s = std::sin(angle);
  switch (quarter % 4) {
    case 0: return {c, s};
    case 1: return {-s, c};
    case 2: return {-c, -s};
    default: return {s, -c};
  }
}

template <class T>
Fft<T>::Fft(int64_t n, int64_t width) : n_(n), width_(width) {
  if (width_ == 1) {
    int64_t columns = kLanes;  // near the square root, rows and columns whole vectors
    for (int64_t c = kLanes; c * c <= n; c += kLanes)
      if (n % (c * kLanes) == 0) columns = c;
    if (is_smooth(n) && n % (columns * kLanes) == 0) {
      make_square(columns);
      return;
    }
  } else if (is_smooth(n)) {
    make_passes();
    return;
  }
  int64_t length = width_ == 1 ? kLanes * kLanes : 1;
  while (length < 2 * n - 1) length *= 2;
  make_bluestein(length);
}

template <class T>
void Fft<T>::add_root(int64_t k, int64_t n) {
  const Root root = unit_root(k, n);
  re_.push_back(T(root.c));
  im_.push_back(T(-root.s));
}

template <class T>
void Fft<T>::make_passes() {
  int64_t run = width_;
  for (int64_t n = n_; n > 1;) {
    const int radix = smallest_radix(n);
    passes_.push_back({radix, n / radix, run, re_.size()});
    for (int64_t k = 0; k < n / radix; ++k)
      for (int j = 1; j < radix; ++j) add_root(k * j, n);
    n /= radix;
    run *= radix;
  }
}

template <class T>
void Fft<T>::make_square(int64_t columns) {
  const int64_t rows = n_ / columns;
  a_ = std::make_unique<Fft>(rows, columns);
  b_ = std::make_unique<Fft>(columns, rows);
  for (int64_t k = 0; k < rows; ++k)
    for (int64_t l = 0; l < columns; ++l) add_root(k * l, n_);
}

template <class T>
void Fft<T>::make_bluestein(int64_t length) {
  a_ = std::make_unique<Fft>(length, width_);
  for (int64_t k = 0; k < n_; ++k) add_root(k * k % (2 * n_), 2 * n_);

  // The chirp's conjugate, around both ends, transformed in double precision; with the inverse's factor.
  const int64_t lane = length < 4096 ? Fft<double>::kLanes : 1;
  const Fft<double> fft(length, lane);
  std::vector<double> memory(size_t(4 * length * lane));
  double* const m = memory.data();
  for (int64_t k = 0; k < n_; ++k) {
    const Root root = unit_root(k * k % (2 * n_), 2 * n_);
    for (const int64_t i : {k, (length - k) % length}) {
      m[i * lane] = root.c;
      m[(length + i) * lane] = root.s;
    }
  }
  const Complex<double> filter =
      fft.run({m, m + length * lane}, {m + 2 * length * lane, m + 3 * length * lane});
  for (int64_t i = 0; i < length; ++i) {
    re_.push_back(T(filter.re[i * lane] / double(length)));
    im_.push_back(T(filter.im[i * lane] / double(length)));
  }
}

// Rows of x times one number each; of a single line, elements.
template <class T>
void Fft<T>::multiply(Complex<T> x, const T* c, const T* s, int64_t rows) const {
  const hn::ScalableTag<T> d;
  const auto at = [&](int64_t i, auto wc, auto ws) HWY_ATTR {
    auto re = hn::LoadU(d, x.re + i), im = hn::LoadU(d, x.im + i);
    turn(re, im, wc, ws);
    hn::StoreU(re, d, x.re + i), hn::StoreU(im, d, x.im + i);
  };
  if (width_ > 1) {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t q = 0; q < width_; q += kLanes) at(i * width_ + q, hn::Set(d, c[i]), hn::Set(d, s[i]));
    return;
  }
  int64_t i = 0;
  for (; i + kLanes <= rows; i += kLanes) at(i, hn::LoadU(d, c + i), hn::LoadU(d, s + i));
  for (; i < rows; ++i) {
    const T r = x.re[i], m = x.im[i];
    x.re[i] = r * c[i] - m * s[i];
    x.im[i] = r * s[i] + m * c[i];
  }
}

// y = x', in squares.
template <class T>
void Fft<T>::transpose(Complex<T> x, Complex<T> y) const {
  const int64_t rows = a_->n_, columns = b_->n_;
  for (const auto& [from, to] : {std::pair(x.re, y.re), std::pair(x.im, y.im)})
    for (int64_t r = 0; r < rows; r += kLanes)
      for (int64_t l = 0; l < columns; ++l)
        for (int64_t k = r; k < r + kLanes; ++k) to[l * rows + k] = from[k * columns + l];
}

template <class T>
Complex<T> Fft<T>::run(Complex<T> x, Complex<T> spare) const {
  for (const Pass& p : passes_) {
    const T *c = re_.data() + p.twiddles, *s = im_.data() + p.twiddles;
    switch (p.radix) {
      case 2: pass<2>(p.count, p.run, c, s, x, spare); break;
      case 3: pass<3>(p.count, p.run, c, s, x, spare); break;
      case 4: pass<4>(p.count, p.run, c, s, x, spare); break;
      case 5: pass<5>(p.count, p.run, c, s, x, spare); break;
      default: break;
    }
    std::swap(x, spare);
  }
  if (!a_) return x;
  const auto other = [&](Complex<T> one) { return one == x ? spare : x; };
  if (b_) {
    const Complex<T> y = a_->run(x, spare), turned = other(y);
    multiply(y, re_.data(), im_.data(), n_);
    transpose(y, turned);
    return b_->run(turned, y);
  }
  const int64_t length = a_->n_;
  multiply(x, re_.data(), im_.data(), n_);
  for (T* p : {x.re, x.im}) std::fill(p + n_ * width_, p + length * width_, T(0));
  const Complex<T> y = a_->run(x, spare);
  multiply(y, re_.data() + n_, im_.data() + n_, length);
  const Complex<T> z = a_->run(y.swapped(), other(y).swapped()).swapped();
  multiply(z, re_.data(), im_.data(), n_);
  return z;
}

template class Fft<float>;
template class Fft<double>;

}  // namespace hrt::cpu
