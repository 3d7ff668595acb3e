// SPDX-License-Identifier: Apache-2.0
// The operations of kernel chain, by number: r is the running value, v an operand, a and b are immediates.
// Read by GLSL, OpenCL C and C++.
#define CHAIN_ADD 1
#define CHAIN_SUB 2
#define CHAIN_MUL 3
#define CHAIN_DIV 4
#define CHAIN_POW 5
#define CHAIN_AT_LEAST 6  // the bounds of Clip: v, unless it is NaN, where r < v
#define CHAIN_AT_MOST 7
#define CHAIN_MAX 8
#define CHAIN_MIN 9
#define CHAIN_PRELU 10  // r, or v * r where r < 0
#define CHAIN_SCALE 11  // r * a
#define CHAIN_SQUARE 12
#define CHAIN_NEG 13
#define CHAIN_ABS 14
#define CHAIN_SIGN 15
#define CHAIN_FLOOR 16
#define CHAIN_CEIL 17
#define CHAIN_ROUND 18
#define CHAIN_EXP 19
#define CHAIN_LOG 20
#define CHAIN_SQRT 21
#define CHAIN_RECIPROCAL 22
#define CHAIN_ERF 23
#define CHAIN_SIN 24
#define CHAIN_COS 25
#define CHAIN_TAN 26
#define CHAIN_ASIN 27
#define CHAIN_ACOS 28
#define CHAIN_ATAN 29
#define CHAIN_SINH 30
#define CHAIN_COSH 31
#define CHAIN_TANH 32
#define CHAIN_ASINH 33
#define CHAIN_ACOSH 34
#define CHAIN_ATANH 35
#define CHAIN_RELU 36
#define CHAIN_LEAKY_RELU 37
#define CHAIN_CLIP 38  // to a ... b
#define CHAIN_SIGMOID 39
#define CHAIN_HARD_SIGMOID 40
#define CHAIN_HARD_SWISH 41
#define CHAIN_SWISH 42
#define CHAIN_ELU 43
#define CHAIN_SELU 44  // a: alpha, b: gamma
#define CHAIN_CELU 45
#define CHAIN_THRESHOLDED_RELU 46
#define CHAIN_MISH 47
#define CHAIN_GELU 48
#define CHAIN_GELU_TANH 49
#define CHAIN_SOFTPLUS 50
#define CHAIN_SOFTSIGN 51
#define CHAIN_SHRINK 52  // a: bias, b: lambd
