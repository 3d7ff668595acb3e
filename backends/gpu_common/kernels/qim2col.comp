// SPDX-License-Identifier: Apache-2.0
// The matrix that makes a convolution of bytes a product, as qgemm wants its right factor:
// y[image, group][four of channel and tap][four pixels]; over the border is the zero point.
PARAMS(int n; int vectors; int depth; int channels; int pixels; int out_h; int out_w; int in_d; int in_h; int in_w;
       int kernel_d; int kernel_h; int kernel_w; int stride_d; int stride_h; int stride_w; int dilation_d;
       int dilation_h; int dilation_w; int pad_d; int pad_h; int pad_w; int flip; int fours;)
CONSTANT(3, HAS_ZERO, 0)
KERNEL(qim2col)
IN(S_U8, 0, x)
IN(S_U8, 1, zero)
OUT(uint4, 2, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    const int first_pixel = i % p.vectors * 4;
    const int first_k = i / p.vectors % p.fours * 4;
    const int matrix = i / p.vectors / p.fours;
    const uint border = TO_UINT(HAS_ZERO != 0 ? LD_I(zero, 0) : 0) ^ TO_UINT(p.flip);
    uint words[4];
    UNROLL for (int c = 0; c < 4; ++c) words[c] = 0u;
    UNROLL for (int u = 0; u < 4; ++u) {
      const int k = first_k + u;
      const int kw = k % p.kernel_w * p.dilation_w - p.pad_w;
      const int kh = k / p.kernel_w % p.kernel_h * p.dilation_h - p.pad_h;
      const int kd = k / (p.kernel_w * p.kernel_h) % p.kernel_d * p.dilation_d - p.pad_d;
      const int plane = (matrix * p.channels + k / (p.kernel_w * p.kernel_h * p.kernel_d)) * p.in_d;
      UNROLL for (int c = 0; c < 4; ++c) {
        const int pixel = first_pixel + c;
        const int row = pixel / p.out_w;
        const int d = row / p.out_h * p.stride_d + kd;
        const int h = row % p.out_h * p.stride_h + kh;
        const int w = pixel % p.out_w * p.stride_w + kw;
        if (k < p.depth && pixel < p.pixels) {
          uint v = border;
          if (d >= 0 && d < p.in_d && h >= 0 && h < p.in_h && w >= 0 && w < p.in_w)
            v = TO_UINT(LD_I(x, ((plane + d) * p.in_h + h) * p.in_w + w)) ^ TO_UINT(p.flip);
          words[c] |= v << (8 * u);
        }
      }
    }
    y[i] = UINT4(words[0], words[1], words[2], words[3]);
  }
}
