#version 450
// SPDX-License-Identifier: Apache-2.0
// variants: f16
// gemm_matrix.glsl through VK_NV_cooperative_matrix.
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_NV_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
#define MATRIX_A fcoopmatNV<16, gl_ScopeSubgroup, 16, 16>
#define MATRIX_B MATRIX_A
#define MATRIX_SUM fcoopmatNV<32, gl_ScopeSubgroup, 16, 16>
#define LOAD_A(to, at, stride) coopMatLoadNV(to, a, uint(at), uint(stride), false)
#define LOAD_B(to, at, stride) coopMatLoadNV(to, b, uint(at), uint(stride), false)
#define STORE_SUM(from) coopMatStoreNV(from, staged, 0u, 16u, false)
#define MULTIPLY_ADD(left, right, sum) coopMatMulAddNV(left, right, sum)
#include "gemm_matrix.glsl"
