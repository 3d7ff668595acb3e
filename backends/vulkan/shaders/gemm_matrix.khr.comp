#version 450
// SPDX-License-Identifier: Apache-2.0
// variants: f16
// gemm_matrix.glsl through VK_KHR_cooperative_matrix. Compiled where glslc knows it (shaderc 2023.5).
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
#define MATRIX_A coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA>
#define MATRIX_B coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseB>
#define MATRIX_SUM coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>
#define LOAD_A(to, at, stride) coopMatLoad(to, a, uint(at), uint(stride), gl_CooperativeMatrixLayoutRowMajor)
#define LOAD_B(to, at, stride) coopMatLoad(to, b, uint(at), uint(stride), gl_CooperativeMatrixLayoutRowMajor)
#define STORE_SUM(from) coopMatStore(from, staged, 0u, 16u, gl_CooperativeMatrixLayoutRowMajor)
#define MULTIPLY_ADD(left, right, sum) coopMatMulAdd(left, right, sum)
#include "gemm_matrix.glsl"
