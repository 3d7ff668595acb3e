// SPDX-License-Identifier: Apache-2.0
// Element types as C++ types: half, bfloat16 and the 8- and 4-bit floats of the OCP and ONNX
// standards, stored as their bits, converting to and from float with round-to-nearest-even.
// Header-only; used by the core and by plugins alike.
#pragma once

#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>

#include <hrt/plugin.h>

namespace hrt {

struct float16 {
  uint16_t bits = 0;
  float16() = default;
  explicit float16(float f) : bits(from(f)) {}
  operator float() const { return to(bits); }

  static float to(uint16_t h) {
    const uint32_t sign = uint32_t(h & 0x8000u) << 16;
    const uint32_t em = h & 0x7fffu;
    if (em >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (em & 0x3ffu) << 13);
    if (em >= 0x0400u) return std::bit_cast<float>(sign | ((em << 13) + 0x38000000u));
    const float sub = float(em) * 0x1p-24f;
    return sign ? -sub : sub;
  }
  static uint16_t from(float f) {
    const uint32_t x = std::bit_cast<uint32_t>(f);
    const uint16_t sign = uint16_t(x >> 16 & 0x8000u);
    const uint32_t a = x & 0x7fffffffu;
    if (a > 0x7f800000u) return uint16_t(sign | 0x7e00u);
    if (a >= 0x477ff000u) return uint16_t(sign | 0x7c00u);
    if (a < 0x38800000u) {  // subnormal: let the FPU round to a multiple of 2^-24
      const float shifted = std::bit_cast<float>(a) + 0.5f;
      return uint16_t(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
    }
    return uint16_t(sign | ((a - 0x38000000u + 0xfffu + (a >> 13 & 1u)) >> 13));
  }
};

struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float f) : bits(from(f)) {}
  operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
  static uint16_t from(float f) {
    const uint32_t x = std::bit_cast<uint32_t>(f);
    if ((x & 0x7fffffffu) > 0x7f800000u) return uint16_t(x >> 16 | 0x40u);
    return uint16_t((x + 0x7fffu + (x >> 16 & 1u)) >> 16);
  }
};

// A small binary float: sign, ExpBits, ManBits, bias. HasInf: IEEE style infinities. Uz: no negative
// zero, its pattern is the only NaN ("FNUZ"). Otherwise without infinities all-ones is NaN ("FN"); a type
// of 4 bits has no NaN: it becomes -0.
template <int ExpBits, int ManBits, int Bias, bool HasInf, bool Uz>
struct small_float {
  static constexpr int kBits = 1 + ExpBits + ManBits;
  static constexpr uint32_t kSign = 1u << (kBits - 1);
  static constexpr uint32_t kMagnitude = kSign - 1;
  static constexpr bool kHasNan = kBits == 8;
  static constexpr uint32_t kNan = Uz ? kSign : kMagnitude;
  static constexpr uint32_t kInf = ((1u << ExpBits) - 1) << ManBits;
  static constexpr uint32_t kMax = HasInf ? kInf - 1 : (Uz || !kHasNan) ? kMagnitude : kMagnitude - 1;

  uint8_t bits = 0;
  small_float() = default;
  // saturate: what lies beyond the largest finite number becomes it; otherwise infinity or NaN.
  explicit small_float(float f, bool saturate = true) : bits(from(f, saturate)) {}
  operator float() const { return to(bits); }

  static float to(uint8_t b) {
    const uint32_t mag = b & kMagnitude;
    if constexpr (Uz) {
      if (b == kNan) return std::numeric_limits<float>::quiet_NaN();
    } else if constexpr (HasInf) {
      if (mag > kInf) return std::numeric_limits<float>::quiet_NaN();
      if (mag == kInf) return (b & kSign) ? -INFINITY : INFINITY;
    } else if constexpr (kHasNan) {
      if (mag == kMagnitude) return std::numeric_limits<float>::quiet_NaN();
    }
    const int e = int(mag >> ManBits);
    const float m = float(mag & ((1u << ManBits) - 1));
    const float v =
        e == 0 ? std::ldexp(m, 1 - Bias - ManBits) : std::ldexp(m + float(1u << ManBits), e - Bias - ManBits);
    return (b & kSign) ? -v : v;
  }
  static uint8_t from(float f, bool saturate) {
    const uint32_t sign = std::signbit(f) ? kSign : 0;
    if (std::isnan(f))
      return uint8_t(kHasNan ? (Uz ? kNan : sign | (HasInf ? kInf | (1u << (ManBits - 1)) : kNan)) : kSign);
    if (std::isinf(f)) {
      if (saturate || !kHasNan) return uint8_t(sign | kMax);
      return uint8_t(Uz ? kNan : HasInf ? sign | kInf : sign | kNan);
    }
    float a = std::fabs(f);
    int e = 0;
    std::frexp(a, &e);                                              // a = m * 2^e, m in [0.5, 1)
    const int q = (e - 1 < 1 - Bias ? 1 - Bias : e - 1) - ManBits;  // exponent of the last place
    const float n = std::nearbyint(std::ldexp(a, -q));              // units in the last place
    uint32_t mag;
    if (a == 0 || n == 0) {
      mag = 0;
    } else {
      const int biased = q + ManBits + Bias;  // of the binade before rounding; carries by addition
      const float limit = std::ldexp(1.0f, 20);
      mag = n < limit && biased < (1 << (ExpBits + 1)) ? uint32_t(biased - 1) * (1u << ManBits) + uint32_t(n)
                                                       : kMax + 1;
    }
    if (mag > kMax) {
      if (saturate || !kHasNan) return uint8_t(sign | kMax);
      return uint8_t(Uz ? kNan : HasInf ? sign | kInf : sign | kNan);
    }
    if (Uz && mag == 0) return 0;
    return uint8_t(sign | mag);
  }
};

using float8e4m3fn = small_float<4, 3, 7, false, false>;
using float8e4m3fnuz = small_float<4, 3, 8, false, true>;
using float8e5m2 = small_float<5, 2, 15, true, false>;
using float8e5m2fnuz = small_float<5, 2, 16, false, true>;
using float4e2m1 = small_float<2, 1, 1, false, false>;

// A power of two without sign: 2^(bits - 127); 255 is NaN.
struct float8e8m0 {
  uint8_t bits = 0;
  float8e8m0() = default;
  operator float() const {
    return bits == 255 ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.0f, int(bits) - 127);
  }
};

// Bits per element; 0 for strings and what is not a type.
constexpr unsigned dtype_bits(hrt_dtype t) {
  switch (t) {
    case HRT_COMPLEX128: return 128;
    case HRT_INT64:
    case HRT_UINT64:
    case HRT_FLOAT64:
    case HRT_COMPLEX64: return 64;
    case HRT_FLOAT32:
    case HRT_INT32:
    case HRT_UINT32: return 32;
    case HRT_INT16:
    case HRT_UINT16:
    case HRT_FLOAT16:
    case HRT_BFLOAT16: return 16;
    case HRT_INT8:
    case HRT_UINT8:
    case HRT_BOOL:
    case HRT_FLOAT8E4M3FN:
    case HRT_FLOAT8E4M3FNUZ:
    case HRT_FLOAT8E5M2:
    case HRT_FLOAT8E5M2FNUZ:
    case HRT_FLOAT8E8M0: return 8;
    case HRT_INT4:
    case HRT_UINT4:
    case HRT_FLOAT4E2M1: return 4;
    case HRT_INT2:
    case HRT_UINT2: return 2;
    default: return 0;
  }
}

// "float32", "int64", ...: the names of this project, which type constraints may use too.
constexpr const char* dtype_name(hrt_dtype t) {
  constexpr const char* names[HRT_DTYPE_COUNT] = {
      "undefined",      "float32",  "uint8",        "int8",           "uint16",
      "int16",          "int32",    "int64",        "string",         "bool",
      "float16",        "float64",  "uint32",       "uint64",         "complex64",
      "complex128",     "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
      "float8e5m2fnuz", "uint4",    "int4",         "float4e2m1",     "float8e8m0",
      "uint2",          "int2"};
  return t >= 0 && t < HRT_DTYPE_COUNT ? names[t] : "undefined";
}

constexpr bool dtype_is_float(hrt_dtype t) {
  return t == HRT_FLOAT32 || t == HRT_FLOAT64 || t == HRT_FLOAT16 || t == HRT_BFLOAT16 ||
         (t >= HRT_FLOAT8E4M3FN && t <= HRT_FLOAT8E5M2FNUZ) || t == HRT_FLOAT4E2M1 || t == HRT_FLOAT8E8M0;
}

// The dtype of a C++ type that has whole bytes.
template <class T>
inline constexpr hrt_dtype dtype_of = HRT_UNDEFINED;
template <>
inline constexpr hrt_dtype dtype_of<float> = HRT_FLOAT32;
template <>
inline constexpr hrt_dtype dtype_of<double> = HRT_FLOAT64;
template <>
inline constexpr hrt_dtype dtype_of<float16> = HRT_FLOAT16;
template <>
inline constexpr hrt_dtype dtype_of<bfloat16> = HRT_BFLOAT16;
template <>
inline constexpr hrt_dtype dtype_of<uint8_t> = HRT_UINT8;
template <>
inline constexpr hrt_dtype dtype_of<int8_t> = HRT_INT8;
template <>
inline constexpr hrt_dtype dtype_of<uint16_t> = HRT_UINT16;
template <>
inline constexpr hrt_dtype dtype_of<int16_t> = HRT_INT16;
template <>
inline constexpr hrt_dtype dtype_of<uint32_t> = HRT_UINT32;
template <>
inline constexpr hrt_dtype dtype_of<int32_t> = HRT_INT32;
template <>
inline constexpr hrt_dtype dtype_of<uint64_t> = HRT_UINT64;
template <>
inline constexpr hrt_dtype dtype_of<int64_t> = HRT_INT64;
template <>
inline constexpr hrt_dtype dtype_of<bool> = HRT_BOOL;
template <>
inline constexpr hrt_dtype dtype_of<hrt_str> = HRT_STRING;
template <>
inline constexpr hrt_dtype dtype_of<std::complex<float>> = HRT_COMPLEX64;
template <>
inline constexpr hrt_dtype dtype_of<std::complex<double>> = HRT_COMPLEX128;
template <>
inline constexpr hrt_dtype dtype_of<float8e4m3fn> = HRT_FLOAT8E4M3FN;
template <>
inline constexpr hrt_dtype dtype_of<float8e4m3fnuz> = HRT_FLOAT8E4M3FNUZ;
template <>
inline constexpr hrt_dtype dtype_of<float8e5m2> = HRT_FLOAT8E5M2;
template <>
inline constexpr hrt_dtype dtype_of<float8e5m2fnuz> = HRT_FLOAT8E5M2FNUZ;
template <>
inline constexpr hrt_dtype dtype_of<float8e8m0> = HRT_FLOAT8E8M0;

}  // namespace hrt
