// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// ConvTranspose, each output gathering the inputs whose window covers it: those with
// out + pad = in * stride + tap * dilation. Nothing is written twice, so no atomics.
#include "types.h"
CONSTANT(3, BIAS, 0)
PARAMS(int n; int groups; int group_ic; int group_oc; int in_d; int in_h; int in_w; int out_d; int out_h;
       int out_w; int kernel_d; int kernel_h; int kernel_w; int stride_d; int stride_h; int stride_w;
       int dilation_d; int dilation_h; int dilation_w; int pad_d; int pad_h; int pad_w;)
KERNEL(conv_transposed)
IN(STORE, 0, x)
IN(STORE, 1, w)
IN(STORE, 2, bias)
OUT(STORE, 3, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    int rest = i;
    const int ow = rest % p.out_w + p.pad_w;
    rest /= p.out_w;
    const int oh = rest % p.out_h + p.pad_h;
    rest /= p.out_h;
    const int od = rest % p.out_d + p.pad_d;
    rest /= p.out_d;
    const int oc = rest % (p.groups * p.group_oc);
    const int image = rest / (p.groups * p.group_oc);
    const int group = oc / p.group_oc;
    const int taps = p.kernel_d * p.kernel_h * p.kernel_w;
    float sum = 0.0f;
    if (BIAS != 0) sum = LD(bias, oc);
    for (int kd = 0; kd < p.kernel_d; ++kd) {
      const int d = od - kd * p.dilation_d;
      for (int kh = 0; kh < p.kernel_h; ++kh) {
        const int h = oh - kh * p.dilation_h;
        for (int kw = 0; kw < p.kernel_w; ++kw) {
          const int v = ow - kw * p.dilation_w;
          if (d >= 0 && h >= 0 && v >= 0 && d % p.stride_d == 0 && h % p.stride_h == 0 &&
              v % p.stride_w == 0 && d / p.stride_d < p.in_d && h / p.stride_h < p.in_h &&
              v / p.stride_w < p.in_w) {
            const int plane = p.in_d * p.in_h * p.in_w;
            int at_x = (image * p.groups + group) * p.group_ic * plane +
                       (d / p.stride_d * p.in_h + h / p.stride_h) * p.in_w + v / p.stride_w;
            int at_w = (group * p.group_ic * p.group_oc + oc % p.group_oc) * taps +
                       (kd * p.kernel_h + kh) * p.kernel_w + kw;
            for (int c = 0; c < p.group_ic; ++c) {
              sum += LD(x, at_x) * LD(w, at_w);
              at_x += plane;
              at_w += p.group_oc * taps;
            }
          }
        }
      }
    }
    ST(y, i, sum);
  }
}
