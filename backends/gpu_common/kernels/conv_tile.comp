// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// What conv_direct.comp computes, as a product of the weights and of the input's windows (implicit GEMM), by
// tiles in memory of the group: output channels are its rows, pixels its columns.
#include "types.h"
#include "epilogue.h"
#include "gemm_tile.h"
CONSTANT(5, ACT, 0)
CONSTANT(6, BIAS, 0)
CONSTANT(7, RESIDUAL, 0)
PARAMS(int groups; int group_ic; int group_oc; int in_d; int in_h; int in_w; int out_d; int out_h; int out_w;
       int kernel_d; int kernel_h; int kernel_w; int stride_d; int stride_h; int stride_w; int dilation_d;
       int dilation_h; int dilation_w; int pad_d; int pad_h; int pad_w; float act_a; float act_b;)
#define FETCH_LEFT(v, r, at_k) \
  if (row + (r) < p.group_oc && (at_k) < depth) v = LD(w, (group * p.group_oc + row + (r)) * depth + (at_k));
#define FETCH_RIGHT(v, at_k, c)                                                                        \
  {                                                                                                    \
    const int pixel = column + (c);                                                                    \
    const int kw = (at_k) % p.kernel_w;                                                                \
    const int kh = (at_k) / p.kernel_w % p.kernel_h;                                                   \
    const int kd = (at_k) / (p.kernel_w * p.kernel_h) % p.kernel_d;                                    \
    const int at_d = pixel / (p.out_h * p.out_w) * p.stride_d - p.pad_d + kd * p.dilation_d;           \
    const int at_h = pixel / p.out_w % p.out_h * p.stride_h - p.pad_h + kh * p.dilation_h;             \
    const int at_w = pixel % p.out_w * p.stride_w - p.pad_w + kw * p.dilation_w;                       \
    const int plane = first + (at_k) / taps;                                                           \
    if (pixel < pixels && (at_k) < depth && at_d >= 0 && at_d < p.in_d && at_h >= 0 && at_h < p.in_h && \
        at_w >= 0 && at_w < p.in_w)                                                                    \
      v = LD(x, ((plane * p.in_d + at_d) * p.in_h + at_h) * p.in_w + at_w);                            \
  }
KERNEL(conv_tile)
IN(STORE, 0, x)
IN(STORE, 1, w)
IN(STORE, 2, bias)
IN(STORE, 3, z)
OUT(STORE, 4, y)
ARGS_END
TILE_MEMORY
BODY
  const int column = GROUP_ID(0) * BN;
  const int row = GROUP_ID(1) * BM;
  const int image = GROUP_ID(2) / p.groups;
  const int group = GROUP_ID(2) % p.groups;
  const int pixels = p.out_d * p.out_h * p.out_w;
  const int taps = p.kernel_d * p.kernel_h * p.kernel_w;
  const int depth = p.group_ic * taps;
  const int first = (image * p.groups + group) * p.group_ic;
  TILE_PRODUCT(depth)
  UNROLL for (int i = 0; i < 4; ++i) {
    UNROLL for (int j = 0; j < 4; ++j) {
      const int channel = row + TILE_ROW(i);
      const int pixel = column + TILE_COLUMN(j);
      if (channel < p.group_oc && pixel < pixels) {
        const int oc = group * p.group_oc + channel;
        const int at = (image * p.groups * p.group_oc + oc) * pixels + pixel;
        float v = sum[i * 4 + j];
        if (BIAS != 0) v += LD(bias, oc);
        if (RESIDUAL != 0) v += LD(z, at);
        ST(y, at, activate(v, ACT, p.act_a, p.act_b));
      }
    }
  }
}
