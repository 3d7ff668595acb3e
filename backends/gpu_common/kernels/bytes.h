// SPDX-License-Identifier: Apache-2.0
// Integers of quantised tensors, which buffers hold without their sign. A variant names a float type and the
// bytes of the integers: f32b1 f16b1 f32b2 f16b2 f32b4 f16b4. INT_STORE, INT_LD(b, i, is_signed), INT_ST.
#if defined(HRT_VARIANT_f32b1) || defined(HRT_VARIANT_f32b2) || defined(HRT_VARIANT_f32b4)
#define HRT_VARIANT_f32
#elif defined(HRT_VARIANT_f16b1) || defined(HRT_VARIANT_f16b2) || defined(HRT_VARIANT_f16b4)
#define HRT_VARIANT_f16
#endif
#include "types.h"
#if defined(HRT_VARIANT_f32b2) || defined(HRT_VARIANT_f16b2)
#define INT_STORE S_U16
#define INT_BITS 16
#define INT_ST(b, i, v) ST_RAW(b, i, TO_U16(v))
#elif defined(HRT_VARIANT_f32b4) || defined(HRT_VARIANT_f16b4)
#define INT_STORE S_I32
#define INT_BITS 32
#define INT_ST(b, i, v) ST_RAW(b, i, v)
#else
#define INT_STORE S_U8
#define INT_BITS 8
#define INT_ST(b, i, v) ST_RAW(b, i, TO_U8(v))
#endif

#if INT_BITS == 32
#define INT_LD(b, i, is_signed) (b[i])
#else
#define INT_HALF (1 << (INT_BITS - 1))
#define INT_LD(b, i, is_signed) ((is_signed) != 0 ? (LD_I(b, i) ^ INT_HALF) - INT_HALF : LD_I(b, i))

// v rounded to even, from the zero point on, as far as the type goes; the zero point for NaN.
int quantised(float v, int zero, int is_signed) {
  const float low = is_signed != 0 ? TO_FLOAT(-INT_HALF) : 0.0f;
  const float high = is_signed != 0 ? TO_FLOAT(INT_HALF - 1) : TO_FLOAT(2 * INT_HALF - 1);
  if (v != v) return zero;
  return TO_INT(min(max(ROUND_EVEN(v) + TO_FLOAT(zero), low), high));
}
#endif
