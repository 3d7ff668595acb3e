#version 450
// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 f32v4
// y = act(alpha a b + bias + residual) for processors in disguise (lavapipe), where a load costs some fifty
// times what a multiply-add does, whatever its width: the widest ones are used, and one of a brings 64
// elements to eight invocations, which shuffles hand to all. Tiles of TM rows x 64 columns a subgroup of 8.
//   a: panels of TM rows, [matrix][panel][k rounded up][TM], zero behind the end (gemm_pack)
//   b: [matrix][k][n4] vectors;  y: [batch][m], rows y_row apart; f32v4: n is 4 n4, and rows are stored as
//   vectors
// 256 x 256 x 3136, GFLOP/s a core of an EPYC (Zen 4), where multiply-adds in registers come to 46: TM 32: 31,
// 16: 25, 8: 19; with loads of 16 bytes and 32 columns 8. TM 64 comes to 34, but takes four times as long to
// compile as 32 does.
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
PARAMS(int m; int n; int n4; int k; int k_padded; int panels; int dims[2]; int a_batch[3]; int b_batch[3];
       int bias_batch[3]; float alpha; float act_a; float act_b;
       int bias_kind;  // 1: one for each row, 2: for each column
       int residual; int y_row;)
IN(u64vec4, 0, a)
IN(u64vec2, 1, b)
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

const int LOAD = 64;         // elements of a that one load of the subgroup brings
const int STEP = LOAD / TM;  // elements of k that are taken at once
const int VECTORS = 2;  // of b and y, an invocation

vec2 floats(uint64_t two) { return uintBitsToFloat(unpack32(two)); }

vec4 finish(vec4 v) {
  for (int c = 0; c < 4; ++c) v[c] = activate(v[c], ACT, p.act_a, p.act_b);
  return v;
}

BODY
  int column[VECTORS], from[VECTORS];
  UNROLL for (int j = 0; j < VECTORS; ++j) {
    column[j] = (GROUP_ID(0) * VECTORS + j) * 8 + int(gl_SubgroupInvocationID);
    from[j] = min(column[j], p.n4 - 1);  // all invocations take part in loads and shuffles
  }
  const int row = GROUP_ID(1) * TM;
  const int batch = GROUP_ID(2);
  const int b2 = batch % p.dims[1], b1 = batch / p.dims[1] % p.dims[0], b0 = batch / (p.dims[0] * p.dims[1]);
  int ia = ((b0 * p.a_batch[0] + b1 * p.a_batch[1] + b2 * p.a_batch[2]) * p.panels + GROUP_ID(1)) *
               (p.k_padded * TM / 8) + int(gl_SubgroupInvocationID);
  const int matrix = (b0 * p.b_batch[0] + b1 * p.b_batch[1] + b2 * p.b_batch[2]) * p.k;
  float sum[TM * VECTORS * 4];
  UNROLL for (int i = 0; i < TM * VECTORS * 4; ++i) sum[i] = 0.0f;
  for (int k = 0; k < p.k; k += STEP) {
    const u64vec4 eight = a[ia];
    ia += 8;
    float left[8];
    UNROLL for (int c = 0; c < 8; ++c) left[c] = floats(eight[c / 2])[c % 2];
    float right[STEP * VECTORS * 4];
    UNROLL for (int u = 0; u < STEP; ++u) {
      const bool there = u == 0 || k + u < p.k;
      const int line = (matrix + (there ? k + u : k)) * p.n4;
      UNROLL for (int j = 0; j < VECTORS; ++j) {
        const u64vec2 four = b[line + from[j]];
        UNROLL for (int c = 0; c < 4; ++c)
          right[(u * VECTORS + j) * 4 + c] = there ? floats(four[c / 2])[c % 2] : 0.0f;
      }
    }
    // A sum takes all of STEP before the next one: it is in memory, there are not so many registers.
    UNROLL for (int i = 0; i < TM; ++i) {
      float x[STEP];
      UNROLL for (int u = 0; u < STEP; ++u) {
        const int e = u * TM + i;
        x[u] = subgroupShuffle(left[e % 8], e / 8);
      }
      UNROLL for (int c = 0; c < VECTORS * 4; ++c) {
        UNROLL for (int u = 0; u < STEP; ++u) sum[i * VECTORS * 4 + c] += x[u] * right[u * VECTORS * 4 + c];
      }
    }
  }
  // Results by a loop, for what is unrolled takes seconds to compile: those of a row are found in memory.
  float all[TM * VECTORS * 4];
  UNROLL for (int i = 0; i < TM * VECTORS * 4; ++i) all[i] = p.alpha * sum[i];
  const int bias_at = b0 * p.bias_batch[0] + b1 * p.bias_batch[1] + b2 * p.bias_batch[2];
  for (int i = 0; i < TM; ++i) {
    const int r = row + i;
    if (r < p.m) {
      float row_bias = 0.0f;
      if (p.bias_kind == 1) row_bias = float(bias[bias_at + r]);
      UNROLL for (int j = 0; j < VECTORS; ++j) {
        if (column[j] < p.n4) {
          const int s = (i * VECTORS + j) * 4;
          vec4 v = vec4(all[s], all[s + 1], all[s + 2], all[s + 3]) + row_bias;
          if (p.bias_kind == 2) {
            UNROLL for (int c = 0; c < 4; ++c)
              v[c] += float(bias[bias_at + min(column[j] * 4 + c, p.n - 1)]);
          }
#ifdef HRT_VARIANT_f32v4
          const int at = (batch * p.m + r) * (p.y_row / 4) + column[j];
          if (p.residual != 0) v += z[at];
          y[at] = finish(v);
#else
          const int at = (batch * p.m + r) * p.y_row + column[j] * 4;
          UNROLL for (int c = 0; c < 4; ++c) {
            if (column[j] * 4 + c < p.n) {
              if (p.residual != 0) v[c] += LD(z, at + c);
              ST(y, at + c, activate(v[c], ACT, p.act_a, p.act_b));
            }
          }
#endif
        }
      }
    }
  }
}
