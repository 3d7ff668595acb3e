// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// y = act(alpha a b + bias + residual) for processors under OpenCL (PoCL), whose compiler maps vectors of 16 to
// registers: a tile of TM rows x 16 columns an invocation, groups of one. Layouts as in gemm_lanes.comp:
//   a: panels of TM rows, [matrix][panel][k rounded up][TM], zero behind the end (gemm_pack)
//   b: [matrix][k][width], 16 columns at least;  y: [batch][m], rows y_row apart
// 240 x 256 x 3072, GFLOP/s a core of an EPYC (Zen 4), where multiply-adds in registers come to 115: TM 8 and
// 12: 106, 4 with two vectors 66, 8 with vectors of eight 53.
#include "types.h"
#include "epilogue.h"
CONSTANT(3, TM, 8)
CONSTANT(4, ACT, 0)
PARAMS(int m; int n; int width; int k; int k_padded; int panels; int dims[2]; int a_batch[3]; int b_batch[3];
       int bias_batch[3]; float alpha; float act_a; float act_b;
       int bias_kind;  // 1: one for each row, 2: for each column
       int residual; int y_row;)
#define CLIP 3
KERNEL(gemm_vectors)
IN(float, 0, a)
IN(float, 1, b)
IN(STORE, 2, bias)
IN(STORE, 3, z)
OUT(STORE, 4, y)
ARGS_END
BODY
  const int column = GLOBAL_ID(0) * 16;
  // The last vector of a row begins earlier, so as not to read behind it; what is its own is stored.
  const int from = column + 16 <= p.width ? column : p.width - 16;
  const int panel = GLOBAL_ID(1);
  const int batch = GLOBAL_ID(2);
  const int b2 = batch % p.dims[1];
  const int b1 = batch / p.dims[1] % p.dims[0];
  const int b0 = batch / (p.dims[0] * p.dims[1]);
  const int left = b0 * p.a_batch[0] + b1 * p.a_batch[1] + b2 * p.a_batch[2];
  const int right = b0 * p.b_batch[0] + b1 * p.b_batch[1] + b2 * p.b_batch[2];
  global const float* at_a = a + (left * p.panels + panel) * p.k_padded * TM;
  global const float* at_b = b + right * p.k * p.width + from;
  float16 sum[TM];
  UNROLL for (int i = 0; i < TM; ++i) sum[i] = (float16)(0.0f);
  for (int k = 0; k < p.k; ++k) {
    const float16 v = vload16(0, at_b);
    UNROLL for (int i = 0; i < TM; ++i) sum[i] += at_a[i] * v;
    at_a += TM;
    at_b += p.width;
  }
  const int bias_at = b0 * p.bias_batch[0] + b1 * p.bias_batch[1] + b2 * p.bias_batch[2];
  UNROLL for (int i = 0; i < TM; ++i) {
    const int r = panel * TM + i;
    if (r < p.m) {
      float16 v = p.alpha * sum[i];
      if (p.bias_kind == 1) v += LD(bias, bias_at + r);
      const int at = (batch * p.m + r) * p.y_row;
#ifdef HRT_VARIANT_f32
      if (ACT == CLIP && from == column && column + 16 <= p.n) {
        if (p.bias_kind == 2) v += vload16(0, bias + bias_at + column);
        if (p.residual != 0) v += vload16(0, z + at + column);
        v = v < p.act_a ? (float16)(p.act_a) : v;
        v = v > p.act_b ? (float16)(p.act_b) : v;
        vstore16(v, 0, y + at + column);
        continue;
      }
#endif
      float one[16];
      vstore16(v, 0, one);
      for (int c = column; c < column + 16 && c < p.n; ++c) {
        float x = one[c - from];
        if (p.bias_kind == 2) x += LD(bias, bias_at + c);
        if (p.residual != 0) x += LD(z, at + c);
        ST(y, at + c, activate(x, ACT, p.act_a, p.act_b));
      }
    }
  }
}
