// SPDX-License-Identifier: Apache-2.0
// What becomes of a sum of products of bytes, in the variants i32 (nothing), f32 and f16 (a number), u8 (quantised).
// Uses the buffers bias, y_scale, y_zero and y.
CONSTANT(6, BIAS, 0)    // 1: integers, before the scale; 2: floats, behind it
CONSTANT(7, Y_ZERO, 0)  // 1: with a sign, 2: without; 3, 4: the same where there is no zero point

// A zero point by its kind, for bytes that were made to have a sign: 0: zero; 1: it has a sign; 2: it has none;
// 3: zero of bytes without sign.
#define BYTE_OF(zero, i, kind) (kind == 1 ? (LD_I(zero, i) ^ 128) - 128 : LD_I(zero, i) - 128)
#define ZERO_OF(zero, i, kind) (kind == 0 ? 0 : (kind == 3 ? -128 : BYTE_OF(zero, i, kind)))

#if defined(HRT_VARIANT_i32)
#define PUT_RESULT(at, sum, scale, bias_at) ST(y, at, sum);
#else
#if defined(HRT_VARIANT_u8)
int as_byte(float v, int zero) {
  const bool is_signed = Y_ZERO == 1 || Y_ZERO == 3;
  if (v != v) return zero;
  return TO_INT(min(max(ROUND_EVEN(v) + TO_FLOAT(zero), is_signed ? -128.0f : 0.0f), is_signed ? 127.0f : 255.0f));
}
#define Y_ZERO_POINT (Y_ZERO > 2 ? 0 : (Y_ZERO == 1 ? (LD_I(y_zero, 0) ^ 128) - 128 : LD_I(y_zero, 0)))
#define PUT_REAL(at, v) ST(y, at, as_byte((v) / y_scale[0], Y_ZERO_POINT));
#else
#define PUT_REAL(at, v) ST(y, at, v);
#endif
#define PUT_RESULT(at, sum, scale, bias_at)                                                          \
  {                                                                                                  \
    float v_ = TO_FLOAT(BIAS == 1 ? (sum) + bias[bias_at] : (sum)) * (scale);                        \
    if (BIAS == 2) v_ += BITS_FLOAT(TO_UINT(bias[bias_at]));                                         \
    PUT_REAL(at, v_)                                                                                 \
  }
#endif
