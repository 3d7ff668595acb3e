// SPDX-License-Identifier: Apache-2.0
// Vectors of floats from and to 8-bit integers.
#pragma once

#include <cstdint>
#include <cstring>

#include "backends/cpu/simd.h"

namespace hrt::cpu::bytes {

using I32 = hn::RebindToSigned<F32>;
using VecI = hn::Vec<I32>;
inline constexpr I32 i32;

// v times scale, rounded to even, plus the zero point, saturated, in the low byte of each lane. Added to
// 1.5 * 2^23, a number is rounded and its integer lies in the low bits of the mantissa.
class ToBytes {
 public:
  ToBytes(float low, float high, int32_t zero)
      : magic_(hn::Set(f32, kMagic)),
        low_(hn::Set(f32, kMagic + low)),
        high_(hn::Set(f32, kMagic + high)),
        zero_(hn::Set(i32, zero)) {}
  HWY_INLINE VecI operator()(Vec v, Vec scale) const {
    const Vec rounded = hn::MulAdd(v, scale, magic_);
    return hn::Add(hn::BitCast(i32, hn::Min(hn::Max(rounded, low_), high_)), zero_);
  }

 private:
  static constexpr float kMagic = 0x1.8p23f;
  Vec magic_, low_, high_;
  VecI zero_;
};

using U8 = hn::Rebind<uint8_t, I32>;
using U32 = hn::RebindToUnsigned<I32>;
inline constexpr U8 u8;
inline constexpr U32 u32;

HWY_INLINE void store_bytes(VecI v, uint8_t* y, int64_t n) {
  const auto bytes = hn::TruncateTo(u8, hn::BitCast(u32, v));
  if (HWY_LIKELY(n >= kLanes)) return hn::StoreU(bytes, u8, y);
#if HWY_CAP_GE512
  hn::BlendedStore(bytes, hn::FirstN(u8, size_t(n)), u8, y);
#else
  alignas(16) uint8_t buffer[kLanes];
  hn::Store(bytes, u8, buffer);
  for (int64_t i = 0; i < n; ++i) y[i] = buffer[i];
#endif
}

// The first n of kLanes elements at p, int8_t or uint8_t, as floats.
template <class T>
HWY_INLINE Vec load_floats(const T* p, int64_t n) {
  const hn::Rebind<T, F32> narrow;
  alignas(16) T buffer[kLanes] = {};
  if (HWY_UNLIKELY(n < kLanes)) p = static_cast<const T*>(std::memcpy(buffer, p, size_t(n)));
  return hn::ConvertTo(f32, hn::PromoteTo(i32, hn::LoadU(narrow, p)));
}

}  // namespace hrt::cpu::bytes
