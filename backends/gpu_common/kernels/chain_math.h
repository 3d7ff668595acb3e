// SPDX-License-Identifier: Apache-2.0
// One operation of a chain, in floats. The comparisons are written so that NaN stays NaN. With CHAIN_LIGHT
// defined, only those that chain_is_light() of ops/chain.cpp lists are there.
#include "chain_ops.h"

// Rational approximation on -4 ... 4, beyond which erf rounds to 1 (coefficients: Eigen's float kernel).
float erf_of(float r) {
  const float x = r > 4.0f ? 4.0f : (r < -4.0f ? -4.0f : r);
  const float s = x * x;
  float n = -2.72614225801306e-10f;
  n = n * s + 2.77068142495902e-08f;
  n = n * s + -2.10102402082508e-06f;
  n = n * s + -5.69250639462346e-05f;
  n = n * s + -7.34990630326855e-04f;
  n = n * s + -2.95459980854025e-03f;
  n = n * s + -1.60960333262415e-02f;
  float d = -1.45660718464996e-05f;
  d = d * s + -2.13374055278905e-04f;
  d = d * s + -1.68282697438203e-03f;
  d = d * s + -7.37332916720468e-03f;
  d = d * s + -1.42647390514189e-02f;
  return x * n / d;
}

// exp(x) - 1; near 0, where the difference would cancel, by its series.
float expm1_of(float x) {
  if (FABS(x) > 0.25f) return exp(x) - 1.0f;
  return x * (1.0f + x / 2.0f * (1.0f + x / 3.0f * (1.0f + x / 4.0f * (1.0f + x / 5.0f * (1.0f + x / 6.0f)))));
}

float sigmoid_of(float x) { return 1.0f / (1.0f + exp(-x)); }

// exp overflows in quotients of exponentials: beyond 10 tanh rounds to 1.
float tanh_of(float x) {
  if (FABS(x) > 10.0f) return x > 0.0f ? 1.0f : -1.0f;
  const float e = expm1_of(2.0f * x);
  return e / (e + 2.0f);
}

// By the half angle: the asin and acos of GLSL may be off by 1e-3.
float asin_of(float x) { return 2.0f * atan(x / (1.0f + sqrt((1.0f - x) * (1.0f + x)))); }
float acos_of(float x) {
  const float m = FABS(x);
  const float y = 2.0f * atan(sqrt((1.0f - m) / (1.0f + m)));
  return x < 0.0f ? 3.14159265359f - y : y;
}

float softplus_of(float x) {
  const float u = exp(-FABS(x));
  return (x < 0.0f ? 0.0f : x) + (u < 1e-4f ? u : log(1.0f + u));
}

float asinh_of(float x) {
  const float m = FABS(x);
  if (m < 0.05f) return x * (1.0f - m * m / 6.0f);
  const float y = m > 1e10f ? log(m) + 0.693147180559945f : log(m + sqrt(m * m + 1.0f));
  return x < 0.0f ? -y : y;
}

float not_a_number() { return BITS_FLOAT(0x7fc00000u); }

float acosh_of(float x) {
  if (x < 1.0f) return not_a_number();
  return x > 1e10f ? log(x) + 0.693147180559945f : log(x + sqrt(x * x - 1.0f));
}

float atanh_of(float x) {
  if (FABS(x) < 0.05f) return x * (1.0f + x * x / 3.0f * (1.0f + x * x * 0.6f));
  return 0.5f * log((1.0f + x) / (1.0f - x));
}

float clip_of(float x, float low, float high) {
  const float y = x < low ? low : x;
  return y > high ? high : y;
}

// pow as C has it: GLSL leaves negative bases undefined.
float power_of(float x, float y) {
  if (y == 0.0f || x == 1.0f) return 1.0f;
  if (x != x || y != y) return x + y;
  if (x > 0.0f) return pow(x, y);
  const bool whole = floor(y) == y;
  const bool odd = whole && floor(y * 0.5f) * 2.0f != y;
  if (x == 0.0f) {
    const float zero = odd ? x : 0.0f;
    return y > 0.0f ? zero : 1.0f / zero;
  }
  if (!whole && FABS(x) <= 3.4028234e38f) return not_a_number();
  const float m = pow(-x, y);
  return odd ? -m : m;
}

float binary_of(int op, float r, float v) {
  if (op == CHAIN_ADD) return r + v;
  if (op == CHAIN_SUB) return r - v;
  if (op == CHAIN_MUL) return r * v;
  if (op == CHAIN_DIV) return r / v;
  if (op == CHAIN_MAX) return r > v || r != r ? r : v;
  if (op == CHAIN_MIN) return r < v || r != r ? r : v;
  if (op == CHAIN_AT_LEAST) return r < v ? v : r;
  if (op == CHAIN_AT_MOST) return r > v ? v : r;
#ifndef CHAIN_LIGHT
  if (op == CHAIN_POW) return power_of(r, v);
#endif
  return r < 0.0f ? v * r : r;  // CHAIN_PRELU
}

float plain_of(int op, float r, float a) {
  if (op == CHAIN_SCALE) return r * a;
  if (op == CHAIN_SQUARE) return r * r;
  if (op == CHAIN_NEG) return -r;
  if (op == CHAIN_ABS) return FABS(r);
  if (op == CHAIN_SIGN) return r > 0.0f ? 1.0f : (r < 0.0f ? -1.0f : r);
  if (op == CHAIN_FLOOR) return floor(r);
  if (op == CHAIN_CEIL) return ceil(r);
  if (op == CHAIN_ROUND) return ROUND_EVEN(r);
  if (op == CHAIN_EXP) return exp(r);
  if (op == CHAIN_SQRT) return sqrt(r);
  if (op == CHAIN_RECIPROCAL) return 1.0f / r;
  if (op == CHAIN_ERF) return erf_of(r);
  if (op == CHAIN_TANH) return tanh_of(r);
#ifndef CHAIN_LIGHT
  if (op == CHAIN_LOG) return log(r);
  if (op == CHAIN_SIN) return sin(r);
  if (op == CHAIN_COS) return cos(r);
  if (op == CHAIN_TAN) return tan(r);
  if (op == CHAIN_ASIN) return asin_of(r);
  if (op == CHAIN_ACOS) return acos_of(r);
  if (op == CHAIN_ATAN) return atan(r);
  if (op == CHAIN_SINH) return FABS(r) > 0.25f ? 0.5f * (exp(r) - exp(-r)) : 0.5f * (expm1_of(r) - expm1_of(-r));
  if (op == CHAIN_COSH) return 0.5f * (exp(r) + exp(-r));
  if (op == CHAIN_ASINH) return asinh_of(r);
  if (op == CHAIN_ACOSH) return acosh_of(r);
  if (op == CHAIN_ATANH) return atanh_of(r);
#endif
  return r;
}

float activation_of(int op, float r, float a, float b) {
  if (op == CHAIN_RELU) return r < 0.0f ? 0.0f : r;
  if (op == CHAIN_LEAKY_RELU) return r < 0.0f ? a * r : r;
  if (op == CHAIN_CLIP) return clip_of(r, a, b);
  if (op == CHAIN_SIGMOID) return sigmoid_of(r);
  if (op == CHAIN_HARD_SIGMOID) return clip_of(a * r + b, 0.0f, 1.0f);
  if (op == CHAIN_HARD_SWISH) return r * clip_of(r / 6.0f + 0.5f, 0.0f, 1.0f);
  if (op == CHAIN_SWISH) return r * sigmoid_of(a * r);
  if (op == CHAIN_THRESHOLDED_RELU) return r > a ? r : 0.0f;
  if (op == CHAIN_GELU) return 0.5f * r * (1.0f + erf_of(r * 0.70710678118f));
  if (op == CHAIN_GELU_TANH) return 0.5f * r * (1.0f + tanh_of(0.79788456080f * (r + 0.044715f * r * r * r)));
#ifndef CHAIN_LIGHT
  if (op == CHAIN_ELU) return r < 0.0f ? a * expm1_of(r) : r;
  if (op == CHAIN_SELU) return b * (r > 0.0f ? r : a * expm1_of(r));
  if (op == CHAIN_CELU) return r > 0.0f ? r : a * expm1_of(r / a);
  if (op == CHAIN_MISH) return r * tanh_of(softplus_of(r));
  if (op == CHAIN_SOFTPLUS) return softplus_of(r);
  if (op == CHAIN_SOFTSIGN) return r / (1.0f + FABS(r));
  if (op == CHAIN_SHRINK) return r < -b ? r + a : (r > b ? r - a : 0.0f);
#endif
  return r;
}

float chain_step(int op, float r, float v, float a, float b) {
  if (op <= CHAIN_PRELU) return binary_of(op, r, v);
  if (op <= CHAIN_ATANH) return plain_of(op, r, a);
  return activation_of(op, r, a, b);
}
