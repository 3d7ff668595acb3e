// SPDX-License-Identifier: Apache-2.0
// variants: i32 u8 f32 f16
// qgemm.h by the instruction that sums four products of bytes: SPV_KHR_integer_dot_product, for which the compiler
// has no built-in, or cl_khr_integer_dot_product.
#ifdef __OPENCL_C_VERSION__
#define DOT(a, b) dot_4x8packed_ss_int(a, b)
#else
#extension GL_EXT_spirv_intrinsics : require
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019], id = 4450)
int signed_dot(uint a, uint b, spirv_literal int packing);
#define DOT(a, b) signed_dot(a, b, 0)
#endif
#define DOTS(word, four) INT4(DOT(word, four.x), DOT(word, four.y), DOT(word, four.z), DOT(word, four.w))
#define RIGHT(right)
#define ADD_RIGHT(sums_, ones) sums_ += DOTS(ones, right);
#define ADD_ROW(sums_, sum_, word)              \
  {                                             \
    sums_ += DOTS(word, right);                 \
    if (B_ZERO != 0) sum_ += DOT(word, ONES);   \
  }
#include "qgemm.h"
