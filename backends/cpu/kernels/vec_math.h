// SPDX-License-Identifier: Apache-2.0
// Elementary functions and activations of a vector of floats.
//
// Every lane is computed alone, so a result depends on neither its neighbours nor its position. NaN gives
// NaN, infinities and subnormals are right unless a comment says otherwise. Errors stated in units in the
// last place (ulp) are the largest that tests/cpu/elementwise_test.cpp finds.
//
// The polynomials are minimax fits (Remez, coefficients rounded to float one after the other) on the
// intervals given; the range reductions are those of W. J. Cody and W. Waite, "Software Manual for the
// Elementary Functions", 1980.
#pragma once

#include <cmath>
#include <cstdint>

#include "backends/cpu/simd.h"

namespace hrt::cpu::vec {

using I32 = hn::RebindToSigned<F32>;
inline constexpr I32 i32;

HWY_INLINE Vec set(float x) { return hn::Set(f32, x); }

// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule.
template <class... C>
HWY_INLINE Vec poly(Vec x, float c0, C... rest) {
  if constexpr (sizeof...(rest) == 0) {
    (void)x;
    return set(c0);
  } else {
    return hn::MulAdd(poly(x, rest...), x, set(c0));
  }
}

// The larger (smaller) of bound and x; NaN when x is. Unlike hn::Max, whose NaN depends on the target.
HWY_INLINE Vec at_least(Vec x, Vec bound) {
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Lt(x, bound), bound, x);
#else
  return hn::Max(bound, x);
#endif
}
HWY_INLINE Vec at_most(Vec x, Vec bound) {
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Gt(x, bound), bound, x);
#else
  return hn::Min(bound, x);
#endif
}
// NaN when either is.
HWY_INLINE Vec maximum(Vec a, Vec b) { return hn::IfThenElse(hn::IsNaN(a), a, at_least(b, a)); }
HWY_INLINE Vec minimum(Vec a, Vec b) { return hn::IfThenElse(hn::IsNaN(a), a, at_most(b, a)); }

// -------------------------------------------------------------------------------- exponentials

// e^x = 2^n (1 + m): n as the low bits of `bits` (added to the pattern of 1.5 * 2^23), |ln(1 + m)| <=
// ln(2) / 2. m is accurate relative to itself. |x| must be below 2^20.
struct Split {
  hn::Vec<I32> bits;
  Vec n, m;
};
HWY_INLINE Split split_exp(Vec x) {
  const Vec magic = set(0x1.8p23f);
  const Vec t = hn::MulAdd(x, set(0x1.715476p0f), magic);  // rounds x / ln 2 to an integer
  const Vec n = hn::Sub(t, magic);
  Vec r = hn::NegMulAdd(n, set(0.693359375f), x);  // ln 2 in two parts, the first of 10 bits
  r = hn::NegMulAdd(n, set(-2.12194440e-4f), r);
  const Vec q = poly(r, 5.000000000e-01f, 1.666666716e-01f, 4.166647419e-02f, 8.333208971e-03f,
                     1.393445651e-03f, 1.994343911e-04f);  // (e^r - 1 - r) / r^2, 2^-31
  return {hn::BitCast(i32, t), n, hn::MulAdd(hn::Mul(r, r), q, r)};
}
// 2^n from n as the low bits; -126 <= n <= 127.
HWY_INLINE Vec pow2(hn::Vec<I32> n) {
  return hn::BitCast(f32, hn::Add(hn::ShiftLeft<23>(n), hn::Set(i32, 0x3f800000)));
}

// 1 ulp.
HWY_INLINE Vec exp(Vec x) {
  const Split s = split_exp(at_most(at_least(x, set(-104.0f)), set(89.0f)));
  const Vec y = hn::Add(s.m, set(1.0f));
#if HWY_TARGET == HWY_AVX3
  return Vec{_mm512_scalef_ps(y.raw, s.n.raw)};
#else  // in two steps: subnormal results and overflow come out as they should
  const auto half = hn::ShiftRight<1>(s.bits);
  return hn::Mul(hn::Mul(y, pow2(half)), pow2(hn::Sub(s.bits, half)));
#endif
}

// e^x - 1 for x <= 0, 2 ulp.
HWY_INLINE Vec expm1_negative(Vec x) {
  const Split s = split_exp(at_least(x, set(-40.0f)));
  const Vec scale = pow2(s.bits);
  return hn::MulAdd(scale, s.m, hn::Sub(scale, set(1.0f)));
}

// --------------------------------------------------------------------------------- logarithms

// ln(1 + f) + e ln 2 for 1 + f in [sqrt(1/2), sqrt(2)].
HWY_INLINE Vec log_polynomial(Vec f, Vec e) {
  const Vec f2 = hn::Mul(f, f);
  const Vec p = poly(f, 3.333331048e-01f, -2.499998510e-01f, 2.000223845e-01f, -1.666934937e-01f,
                     1.421829164e-01f, -1.238219664e-01f, 1.187456474e-01f, -1.180468276e-01f,
                     6.929030269e-02f);  // (ln(1 + f) - f + f^2/2) / f^3, 2^-30 relative to the whole
  Vec y = hn::MulAdd(e, set(-2.12194440e-4f), hn::Mul(hn::Mul(f2, f), p));
  y = hn::NegMulAdd(set(0.5f), f2, y);
  return hn::MulAdd(e, set(0.693359375f), hn::Add(f, y));
}

// 1 ulp.
HWY_INLINE Vec log(Vec x) {
  const auto subnormal = hn::Lt(x, set(0x1p-126f));
  const Vec scaled = hn::IfThenElse(subnormal, hn::Mul(x, set(0x1p23f)), x);
  const auto bits = hn::BitCast(i32, scaled);
  const auto e = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(i32, 0x3f3504f3)));  // sqrt(1/2)
  const Vec m = hn::BitCast(f32, hn::Sub(bits, hn::ShiftLeft<23>(e)));
  const Vec exponent = hn::Sub(hn::ConvertTo(f32, e), hn::IfThenElseZero(subnormal, set(23.0f)));
  Vec y = log_polynomial(hn::Sub(m, set(1.0f)), exponent);
  y = hn::IfThenElse(hn::Gt(x, set(0.0f)), y, set(std::nanf("")));
  y = hn::IfThenElse(hn::Eq(x, set(0.0f)), set(-HUGE_VALF), y);
  return hn::IfThenElse(hn::Eq(x, set(HUGE_VALF)), x, y);
}

// ln(1 + x) for x in [0, 1], 1 ulp.
HWY_INLINE Vec log1p_unit(Vec x) {
  const auto upper = hn::Gt(x, set(0.41421356f));
  const Vec f = hn::IfThenElse(upper, hn::Mul(hn::Sub(x, set(1.0f)), set(0.5f)), x);
  return log_polynomial(f, hn::IfThenElseZero(upper, set(1.0f)));
}

// ----------------------------------------------------------------------- functions made of these

// 2 ulp.
HWY_INLINE Vec sigmoid(Vec x) {
  const Vec e = exp(hn::Neg(hn::Abs(x)));
  const Vec one = set(1.0f);
  return hn::Div(hn::IfThenElse(hn::Lt(x, set(0.0f)), e, one), hn::Add(one, e));
}

// 2.5 ulp.
HWY_INLINE Vec tanh(Vec x) {
  const Vec t = expm1_negative(hn::Mul(hn::Abs(x), set(-2.0f)));
  return hn::CopySign(hn::Div(t, hn::Add(t, set(2.0f))), x);
}

// ln(1 + e^x), 2 ulp.
HWY_INLINE Vec softplus(Vec x) {
  return hn::Add(at_least(x, set(0.0f)), log1p_unit(exp(hn::Neg(hn::Abs(x)))));
}

// x tanh(softplus(x)). With n = e^x (e^x + 2) the tangent is n / (n + 2), which is 1 from x = 20 on.
HWY_INLINE Vec mish(Vec x) {
  const Vec e = exp(at_most(x, set(20.0f)));
  const Vec n = hn::Mul(e, hn::Add(e, set(2.0f)));
  return hn::Mul(x, hn::Div(n, hn::Add(n, set(2.0f))));
}

HWY_INLINE Vec swish(Vec x) { return hn::Mul(x, sigmoid(x)); }

// 1 - erf(a) of a >= 0, up to a = 4 to 1e-7 of itself; beyond, where it is below 2e-8, it falls faster.
HWY_INLINE Vec erfc_of_positive(Vec a) {
  // -ln(erfc(a)) / a on [0, 4], 2^-27
  const Vec g = poly(a, 1.128379107e+00f, 6.366215944e-01f, 1.027565449e-01f, -1.906077005e-02f,
                     -3.747285227e-04f, 1.956132008e-03f, -8.674436249e-04f, 2.323623485e-04f,
                     -4.195313522e-05f, 5.010175755e-06f, -3.587456945e-07f, 1.167407859e-08f);
  return exp(hn::Neg(hn::Mul(a, g)));
}

// 2 ulp.
HWY_INLINE Vec erf(Vec x) {
  const Vec a = hn::Abs(x);
  const Vec r = poly(hn::Mul(a, a), 1.283791661e-01f, -3.761261106e-01f, 1.128285155e-01f, -2.675837278e-02f,
                     4.719529767e-03f);  // erf(a) / a - 1 for a <= 0.5, 2^-29
  const Vec high = hn::Sub(set(1.0f), erfc_of_positive(a));
  return hn::CopySign(hn::IfThenElse(hn::Lt(a, set(0.5f)), hn::MulAdd(a, r, a), high), x);
}

// x Phi(x), by the complement for x < 0: no cancellation.
HWY_INLINE Vec gelu(Vec x) {
  const Vec tail = hn::Mul(erfc_of_positive(hn::Mul(hn::Abs(x), set(0.70710678118f))), set(0.5f));
  return hn::Mul(x, hn::IfThenElse(hn::Lt(x, set(0.0f)), tail, hn::Sub(set(1.0f), tail)));
}

// The approximation by tanh, as x sigmoid(2 u).
HWY_INLINE Vec gelu_tanh(Vec x) {
  const Vec cubic = hn::MulAdd(hn::Mul(x, x), set(0.044715f * 1.5957691216f), set(1.5957691216f));
  return hn::Mul(x, sigmoid(hn::Mul(x, cubic)));
}

// -------------------------------------------------------------------------------- trigonometry

// Calls f for the lanes of x beyond limit in magnitude (infinities and NaN too), leaves y elsewhere.
template <class F>
HWY_INLINE Vec beyond(Vec x, float limit, Vec y, F f) {
  const auto in_range = hn::Le(hn::Abs(x), set(limit));
  if (HWY_LIKELY(hn::AllTrue(f32, in_range))) return y;
  alignas(64) float lanes[kLanes], out[kLanes];
  hn::Store(x, f32, lanes);
  for (int i = 0; i < kLanes; ++i) out[i] = f(lanes[i]);
  return hn::IfThenElse(in_range, y, hn::Load(f32, out));
}

// sin(x + quarter pi / 2); the C library's answer is taken beyond 8192.
constexpr float kTrigLimit = 8192.0f;
HWY_INLINE Vec sin_shifted(Vec x, int quarter) {
  const Vec magic = set(0x1.8p23f);
  const Vec t = hn::MulAdd(x, set(0.636619772f), magic);
  const Vec n = hn::Sub(t, magic);
  Vec r = hn::NegMulAdd(n, set(0x1.92p0f), x);  // pi / 2 in four parts; three of at most 11 bits
  r = hn::NegMulAdd(n, set(0x1.fb4p-12f), r);
  r = hn::NegMulAdd(n, set(0x1.444p-24f), r);
  r = hn::NegMulAdd(n, set(0x1.68c234p-39f), r);
  const auto q = hn::Add(hn::BitCast(i32, t), hn::Set(i32, quarter));
  const Vec z = hn::Mul(r, r);
  const Vec s = hn::MulAdd(
      hn::Mul(r, z), poly(z, -1.666666716e-01f, 8.333379403e-03f, -1.985298295e-04f, 2.830801577e-06f), r);
  const Vec c = hn::MulAdd(hn::Mul(z, z), poly(z, 4.166664556e-02f, -1.388730248e-03f, 2.443088124e-05f),
                           hn::NegMulAdd(z, set(0.5f), set(1.0f)));
  const auto odd = hn::Ne(hn::And(q, hn::Set(i32, 1)), hn::Zero(i32));
  const Vec y = hn::IfThenElse(hn::RebindMask(f32, odd), c, s);
  const auto sign = hn::ShiftLeft<30>(hn::And(q, hn::Set(i32, 2)));
  return hn::Xor(y, hn::BitCast(f32, sign));
}
// 2 ulp.
HWY_INLINE Vec sin(Vec x) {
  return beyond(x, kTrigLimit, sin_shifted(x, 0), [](float v) { return std::sin(v); });
}
HWY_INLINE Vec cos(Vec x) {
  return beyond(x, kTrigLimit, sin_shifted(x, 1), [](float v) { return std::cos(v); });
}

// --------------------------------------------------------------------------------------- powers

namespace detail {
using F32Half = hn::Half<F32>;
using F64 = hn::Rebind<double, F32Half>;
using I64 = hn::RebindToSigned<F64>;
inline constexpr F64 f64;
using VecD = hn::Vec<F64>;

template <class... C>
HWY_INLINE VecD polyd(VecD x, double c0, C... rest) {
  if constexpr (sizeof...(rest) == 0) {
    (void)x;
    return hn::Set(f64, c0);
  } else {
    return hn::MulAdd(polyd(x, rest...), x, hn::Set(f64, c0));
  }
}

// x^y of positive finite x and finite y in double precision: 2^(y log2 x), to about 2^-27.
HWY_INLINE VecD pow_positive(VecD x, VecD y) {
  const I64 i64;
  const auto bits = hn::BitCast(i64, x);
  const auto e = hn::Sub(bits, hn::Set(i64, 0x3fe6a09e667f3bcd));  // sqrt(1/2)
  const auto exponent_bits = hn::And(e, hn::Set(i64, int64_t(0xfff0000000000000)));
  const VecD m = hn::BitCast(f64, hn::Sub(bits, exponent_bits));
  // The exponent as a double without a 64-bit conversion: its bits, biased, in the mantissa of 2^52.
  const auto biased = hn::ShiftRight<52>(
      hn::BitCast(hn::RebindToUnsigned<F64>(), hn::Add(exponent_bits, hn::Set(i64, int64_t(1024) << 52))));
  const VecD n = hn::Sub(hn::BitCast(f64, hn::Or(hn::BitCast(i64, biased), hn::Set(i64, 0x4330000000000000))),
                         hn::Set(f64, 0x1p52 + 1024));
  const VecD one = hn::Set(f64, 1.0);
  const VecD f = hn::Div(hn::Sub(m, one), hn::Add(m, one));  // ln m = 2 atanh f
  const VecD series =
      polyd(hn::Mul(f, f), 1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15);
  const VecD log2x = hn::MulAdd(hn::Mul(f, hn::Set(f64, 2.8853900817779268)), series, n);
  // Beyond +-512 the float result is infinite or zero.
  const VecD z = hn::Min(hn::Set(f64, 512.0), hn::Max(hn::Set(f64, -512.0), hn::Mul(y, log2x)));
  const VecD magic = hn::Set(f64, 0x1.8p52);
  const VecD t = hn::Add(z, magic);
  const VecD r = hn::Mul(hn::Sub(z, hn::Sub(t, magic)), hn::Set(f64, 0.6931471805599453));
  const VecD p =
      polyd(r, 1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320);
  const VecD scale =
      hn::BitCast(f64, hn::Add(hn::ShiftLeft<52>(hn::BitCast(i64, t)), hn::Set(i64, 0x3ff0000000000000)));
  return hn::Mul(p, scale);
}
}  // namespace detail

// x^y as C's pow, 1 ulp; the C library's answer where x is zero or either is infinite or NaN.
HWY_INLINE Vec pow(Vec x, Vec y) {
  using namespace detail;
  const F32Half half;
  const Vec a = hn::Abs(x);
  const auto low =
      pow_positive(hn::PromoteTo(f64, hn::LowerHalf(half, a)), hn::PromoteTo(f64, hn::LowerHalf(half, y)));
  const auto high =
      pow_positive(hn::PromoteTo(f64, hn::UpperHalf(half, a)), hn::PromoteTo(f64, hn::UpperHalf(half, y)));
  Vec p = hn::Combine(f32, hn::DemoteTo(half, high), hn::DemoteTo(half, low));

  // A negative base: NaN unless y is an integer, and the sign of x when y is odd. Floats from 2^24 on are
  // even integers.
  const auto negative = hn::Lt(x, set(0.0f));
  const Vec halved = hn::Mul(y, set(0.5f));
  const auto odd = hn::Ne(hn::Round(halved), halved);  // of integers
  p = hn::IfThenElse(hn::And(negative, odd), hn::Neg(p), p);
  p = hn::IfThenElse(hn::And(negative, hn::Ne(hn::Round(y), y)), set(std::nanf("")), p);

  const auto plain = hn::And(hn::And(hn::IsFinite(x), hn::IsFinite(y)), hn::Ne(x, set(0.0f)));
  if (HWY_LIKELY(hn::AllTrue(f32, plain))) return p;
  alignas(64) float xs[kLanes], ys[kLanes], out[kLanes];
  hn::Store(x, f32, xs);
  hn::Store(y, f32, ys);
  for (int i = 0; i < kLanes; ++i) out[i] = std::pow(xs[i], ys[i]);
  return hn::IfThenElse(plain, p, hn::Load(f32, out));
}

}  // namespace hrt::cpu::vec
