#version 450
// SPDX-License-Identifier: Apache-2.0
// variants: i32 u8 f32 f16
// qgemm.h by the instruction that sums four products of bytes (SPV_KHR_integer_dot_product; the compiler knows
// no built-in for it).
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_spirv_intrinsics : require
#include "prelude.glsl"
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019], id = 4450)
int signed_dot(uint a, uint b, spirv_literal int packing);
#define DOT(a, b) signed_dot(a, b, 0)
#define DOTS(word, four) ivec4(DOT(word, four.x), DOT(word, four.y), DOT(word, four.z), DOT(word, four.w))
#define RIGHT(right)
#define ADD_RIGHT(sums_, ones) sums_ += DOTS(ones, right);
#define ADD_ROW(sums_, sum_, word)              \
  {                                             \
    sums_ += DOTS(word, right);                 \
    if (B_ZERO != 0) sum_ += DOT(word, ONES);   \
  }
#include "qgemm.h"
