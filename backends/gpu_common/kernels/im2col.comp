// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// The matrix that makes a convolution a product: y[image][channel, tap][pixel], four pixels an invocation,
// rows of whole vectors, zero where the window is over the border.
#include "types.h"
PARAMS(int n; int vectors; int pixels; int out_h; int out_w; int in_d; int in_h; int in_w; int kernel_d;
       int kernel_h; int kernel_w; int stride_d; int stride_h; int stride_w; int dilation_d; int dilation_h;
       int dilation_w; int pad_d; int pad_h; int pad_w;)
KERNEL(im2col)
IN(STORE, 0, x)
OUT(float4, 1, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    int rest = i / p.vectors;
    const int kw = rest % p.kernel_w * p.dilation_w - p.pad_w;
    rest /= p.kernel_w;
    const int kh = rest % p.kernel_h * p.dilation_h - p.pad_h;
    rest /= p.kernel_h;
    const int kd = rest % p.kernel_d * p.dilation_d - p.pad_d;
    rest = rest / p.kernel_d * p.in_d;
    float v[4];
    UNROLL for (int c = 0; c < 4; ++c) {
      const int pixel = i % p.vectors * 4 + c;
      const int row = pixel / p.out_w;
      const int d = row / p.out_h * p.stride_d + kd;
      const int h = row % p.out_h * p.stride_h + kh;
      const int w = pixel % p.out_w * p.stride_w + kw;
      v[c] = 0.0f;
      if (pixel < p.pixels && d >= 0 && d < p.in_d && h >= 0 && h < p.in_h && w >= 0 && w < p.in_w)
        v[c] = LD(x, ((rest + d) * p.in_h + h) * p.in_w + w);
    }
    y[i] = FLOAT4(v[0], v[1], v[2], v[3]);
  }
}
