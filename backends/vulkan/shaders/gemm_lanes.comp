#version 450
// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 f32v4
// y = act(alpha a b + bias + residual) for processors in disguise (lavapipe), where a load costs some fifty
// times what a multiply-add does: vectors of four are loaded, and one such load by eight invocations brings
// 32 elements of a, which shuffles hand to all. Tiles of TM rows x 32 columns a subgroup of 8.
//   a: panels of TM rows, [matrix][panel][k rounded up][TM], zero behind the end (gemm_pack)
//   b: [matrix][k][n4] vectors;  y: [batch][m][n]; f32v4: n is 4 n4, and rows are stored as vectors
// A trial of the loop, without what follows it, on a machine that others used: best of several runs 30 GFLOP/s
// with TM 32, 19 with 16, 4 with plain loads, where multiply-adds alone came to 55. To be measured again.
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "prelude.glsl"
#ifdef HRT_VARIANT_f32v4
#define STORE vec4
#else
#include "types.h"
#endif
#include "epilogue.h"
CONSTANT(3, TM, 32)
CONSTANT(4, ACT, 0)
CONSTANT(5, BIAS, 0)  // 1: one for each row, 2: for each column
CONSTANT(6, RESIDUAL, 0)
PARAMS(int m; int n; int n4; int k; int k_padded; int panels; int dims[2]; int a_batch[3]; int b_batch[3];
       int bias_batch[3]; float alpha; float act_a; float act_b;)
IN(vec4, 0, a)
IN(vec4, 1, b)
layout(std430, set = 0, binding = 2) readonly buffer Bias {
#ifdef HRT_VARIANT_f16
  float16_t bias[];
#else
  float bias[];
#endif
};
IN(STORE, 3, z)
OUT(STORE, 4, y)
KERNEL(gemm_lanes)

const int STEP = 32 / TM;  // elements of k in one load of a

vec4 finish(vec4 v) {
  for (int c = 0; c < 4; ++c) v[c] = activate(v[c], ACT, p.act_a, p.act_b);
  return v;
}

BODY
  const int column = GLOBAL_ID(0);
  const int from = min(column, p.n4 - 1);  // all lanes take part in loads and shuffles
  const int row = GROUP_ID(1) * TM;
  const int batch = GROUP_ID(2);
  const int b2 = batch % p.dims[1], b1 = batch / p.dims[1] % p.dims[0], b0 = batch / (p.dims[0] * p.dims[1]);
  int ia = ((b0 * p.a_batch[0] + b1 * p.a_batch[1] + b2 * p.a_batch[2]) * p.panels + GROUP_ID(1)) *
               (p.k_padded * TM / 4) + int(gl_SubgroupInvocationID);
  int ib = (b0 * p.b_batch[0] + b1 * p.b_batch[1] + b2 * p.b_batch[2]) * p.k * p.n4 + from;
  vec4 sum[TM];
  UNROLL for (int i = 0; i < TM; ++i) sum[i] = vec4(0);
  for (int k = 0; k < p.k; k += STEP) {
    const vec4 left = a[ia];
    ia += 8;
    UNROLL for (int u = 0; u < STEP; ++u) {
      vec4 right = vec4(0);
      if (STEP == 1 || k + u < p.k) right = b[ib];
      ib += p.n4;
      UNROLL for (int i = 0; i < TM; ++i) {
        const int e = u * TM + i;
        sum[i] += subgroupShuffle(left[e % 4], e / 4) * right;
      }
    }
  }
  const int bias_at = b0 * p.bias_batch[0] + b1 * p.bias_batch[1] + b2 * p.bias_batch[2];
  if (column < p.n4) {
    vec4 column_bias = vec4(0);
    if (BIAS == 2) {
      UNROLL for (int c = 0; c < 4; ++c)
        column_bias[c] = float(bias[bias_at + min(column * 4 + c, p.n - 1)]);
    }
    UNROLL for (int i = 0; i < TM; ++i) {
      const int r = row + i;
      if (r < p.m) {
        vec4 v = p.alpha * sum[i] + column_bias;
        if (BIAS == 1) v += float(bias[bias_at + r]);
#ifdef HRT_VARIANT_f32v4
        const int at = (batch * p.m + r) * p.n4 + column;
        if (RESIDUAL != 0) v += z[at];
        y[at] = finish(v);
#else
        const int at = (batch * p.m + r) * p.n + column * 4;
        UNROLL for (int c = 0; c < 4; ++c) {
          if (column * 4 + c < p.n) {
            if (RESIDUAL != 0) v[c] += LD(z, at + c);
            ST(y, at + c, activate(v[c], ACT, p.act_a, p.act_b));
          }
        }
#endif
      }
    }
  }
}
