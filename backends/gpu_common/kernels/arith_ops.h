// SPDX-License-Identifier: Apache-2.0
// The operations of kernels arith and compare, by number. Read by GLSL, OpenCL C and C++.
#define ARITH_ADD 1
#define ARITH_SUB 2
#define ARITH_MUL 3
#define ARITH_DIV 4
#define ARITH_REM 5  // sign of a
#define ARITH_MOD 6  // sign of b
#define ARITH_MAX 7
#define ARITH_MIN 8
#define ARITH_AND 9
#define ARITH_OR 10
#define ARITH_XOR 11
#define ARITH_SHIFT_LEFT 12
#define ARITH_SHIFT_RIGHT 13
#define ARITH_NOT 14
#define ARITH_NEG 15
#define ARITH_ABS 16
#define ARITH_SIGN 17
#define ARITH_RELU 18
#define COMPARE_EQUAL 1
#define COMPARE_LESS 2
#define COMPARE_LESS_EQUAL 3
#define COMPARE_AND 4
#define COMPARE_OR 5
#define COMPARE_XOR 6
#define COMPARE_NOT 7
#define COMPARE_NAN 8
#define COMPARE_INF 9       // of either sign
#define COMPARE_INF_PLUS 10
#define COMPARE_INF_MINUS 11
