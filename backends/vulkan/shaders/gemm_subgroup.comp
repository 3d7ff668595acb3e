#version 450
// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// What matmul.comp computes, for GPUs: a subgroup has ROWS rows and a column for each invocation. One load of
// a brings as many elements of a row as the subgroup has invocations, which shuffles hand to all.
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "prelude.glsl"
#include "types.h"
#include "epilogue.h"
CONSTANT(3, ROWS, 8)
CONSTANT(4, ACT, 0)
CONSTANT(5, HAS_C, 0)
PARAMS(int m; int n; int k; int a_row; int a_col; int b_row; int b_col; int c_row; int c_col;
       int dims[3]; int a_batch[3]; int b_batch[3]; int c_batch[3]; float alpha; float beta; float act_a;
       float act_b; int y_row;)
KERNEL(gemm_subgroup)
IN(STORE, 0, a)
IN(STORE, 1, b)
IN(STORE, 2, c)
OUT(STORE, 3, y)

BODY
  const int lanes = int(gl_SubgroupSize), lane = int(gl_SubgroupInvocationID);
  const int column = GLOBAL_ID(0);
  const int from = min(column, p.n - 1);  // all invocations take part in shuffles
  const int row = GROUP_ID(1) * ROWS;
  int rest = GROUP_ID(2);
  const int y0 = rest * p.m * p.y_row;
  int a0 = 0, b0 = 0, c0 = 0;
  UNROLL for (int d = 2; d >= 0; --d) {
    const int at = rest % p.dims[d];
    rest /= p.dims[d];
    a0 += at * p.a_batch[d];
    b0 += at * p.b_batch[d];
    c0 += at * p.c_batch[d];
  }
  float sum[ROWS];
  UNROLL for (int i = 0; i < ROWS; ++i) sum[i] = 0.0f;
  for (int k = 0; k < p.k; k += lanes) {
    const int own = min(k + lane, p.k - 1);
    float left[ROWS];
    UNROLL for (int i = 0; i < ROWS; ++i) left[i] = LD(a, a0 + min(row + i, p.m - 1) * p.a_row + own * p.a_col);
    const int count = min(lanes, p.k - k);
    for (int u = 0; u < count; ++u) {
      const float right = LD(b, b0 + (k + u) * p.b_row + from * p.b_col);
      UNROLL for (int i = 0; i < ROWS; ++i) sum[i] += subgroupShuffle(left[i], u) * right;
    }
  }
  UNROLL for (int i = 0; i < ROWS; ++i) {
    if (row + i < p.m && column < p.n) {
      float v = p.alpha * sum[i];
      if (HAS_C != 0) v += p.beta * LD(c, c0 + (row + i) * p.c_row + column * p.c_col);
      ST(y, y0 + (row + i) * p.y_row + column, activate(v, ACT, p.act_a, p.act_b));
    }
  }
}
