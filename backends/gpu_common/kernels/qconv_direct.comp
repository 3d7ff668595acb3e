// SPDX-License-Identifier: Apache-2.0
// variants: i32 u8
// Convolutions of bytes whose groups have few channels: four neighbouring pixels of a channel an invocation, which
// share what their windows see of a row. Sums are exact.
#include "types.h"
CONSTANT(3, KERNEL_W, 3)
CONSTANT(4, STRIDE_W, 1)
CONSTANT(5, X_ZERO, 0)  // kinds of ZERO_OF
CONSTANT(8, W_ZERO, 0)
#include "qresult.h"
#define SEEN (3 * STRIDE_W + KERNEL_W)
PARAMS(int n; int tiles; int group_ic; int group_oc; int channels; int in_d; int in_h; int in_w; int out_d; int out_h;
       int out_w; int kernel_d; int kernel_h; int stride_d; int stride_h; int dilation_d; int dilation_h; int pad_d;
       int pad_h; int pad_w; int x_flip; int w_flip; int w_zeros; int w_scales;)
KERNEL(qconv_direct)
IN(S_U8, 0, x)
IN(S_U8, 1, w)
IN(S_U8, 2, x_zero)
IN(S_U8, 3, w_zero)
IN(float, 4, x_scale)
IN(float, 5, w_scale)
IN(int, 6, bias)
IN(float, 7, y_scale)
IN(S_U8, 8, y_zero)
OUT(STORE, 9, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    const int column = i % p.tiles * 4;
    const int row = i / p.tiles % p.out_h;
    const int depth = i / p.tiles / p.out_h % p.out_d;
    const int plane = i / p.tiles / p.out_h / p.out_d;
    const int channel = plane % p.channels;
    const int group = channel / p.group_oc;
    const int from = (plane / p.channels * (p.channels / p.group_oc) + group) * p.group_ic;
    const int zero_x = ZERO_OF(x_zero, 0, X_ZERO);
    const int zero_w = ZERO_OF(w_zero, channel * p.w_zeros, W_ZERO);
    const int left = column * STRIDE_W - p.pad_w;
    int sums[4];
    UNROLL for (int t = 0; t < 4; ++t) sums[t] = 0;
    for (int c = 0; c < p.group_ic; ++c) {
      for (int kd = 0; kd < p.kernel_d; ++kd) {
        for (int kh = 0; kh < p.kernel_h; ++kh) {
          const int d = depth * p.stride_d - p.pad_d + kd * p.dilation_d;
          const int h = row * p.stride_h - p.pad_h + kh * p.dilation_h;
          const bool inside = d >= 0 && d < p.in_d && h >= 0 && h < p.in_h;
          const int at = ((from + c) * p.in_d + d) * p.in_h * p.in_w + h * p.in_w + left;
          const int at_w = (((channel * p.group_ic + c) * p.kernel_d + kd) * p.kernel_h + kh) * KERNEL_W;
          int seen[SEEN];
          UNROLL for (int s = 0; s < SEEN; ++s) {
            seen[s] = 0;
            if (inside && left + s >= 0 && left + s < p.in_w)
              seen[s] = (LD_I(x, at + s) ^ p.x_flip ^ 128) - 128 - zero_x;
          }
          UNROLL for (int kw = 0; kw < KERNEL_W; ++kw) {
            const int weight = (LD_I(w, at_w + kw) ^ p.w_flip ^ 128) - 128 - zero_w;
            UNROLL for (int t = 0; t < 4; ++t) sums[t] += seen[t * STRIDE_W + kw] * weight;
          }
        }
      }
    }
    const int put = ((plane * p.out_d + depth) * p.out_h + row) * p.out_w + column;
    UNROLL for (int t = 0; t < 4; ++t) {
      if (column + t < p.out_w)
        PUT_RESULT(put + t, sums[t], x_scale[0] * w_scale[channel * p.w_scales], channel)
    }
  }
}
