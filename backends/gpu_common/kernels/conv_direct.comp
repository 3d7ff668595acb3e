// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Any convolution: y = act(conv(x, w) + bias + residual). An invocation has one pixel of CHANNELS output
// channels in registers, so that an input is read once for all of them.
#include "types.h"
#include "epilogue.h"
CONSTANT(3, CHANNELS, 4)
CONSTANT(4, ACT, 0)
CONSTANT(5, BIAS, 0)
CONSTANT(6, RESIDUAL, 0)
PARAMS(int groups; int group_ic; int group_oc; int in_d; int in_h; int in_w; int out_d; int out_h; int out_w;
       int kernel_d; int kernel_h; int kernel_w; int stride_d; int stride_h; int stride_w; int dilation_d;
       int dilation_h; int dilation_w; int pad_d; int pad_h; int pad_w; float act_a; float act_b;)
KERNEL(conv_direct)
IN(STORE, 0, x)
IN(STORE, 1, w)
IN(STORE, 2, bias)
IN(STORE, 3, z)
OUT(STORE, 4, y)
ARGS_END
BODY
  const int pixel = GLOBAL_ID(0);
  const int channel = GLOBAL_ID(1) * CHANNELS;
  const int image = GLOBAL_ID(2) / p.groups;
  const int group = GLOBAL_ID(2) % p.groups;
  const int pixels = p.out_d * p.out_h * p.out_w;
  if (pixel < pixels && channel < p.group_oc) {
    const int d0 = pixel / (p.out_h * p.out_w) * p.stride_d - p.pad_d;
    const int h0 = pixel / p.out_w % p.out_h * p.stride_h - p.pad_h;
    const int w0 = pixel % p.out_w * p.stride_w - p.pad_w;
    const int taps = p.kernel_d * p.kernel_h * p.kernel_w;
    float sum[CHANNELS];
    int at_w[CHANNELS];
    UNROLL for (int o = 0; o < CHANNELS; ++o) {
      sum[o] = 0.0f;
      const int oc = channel + o < p.group_oc ? channel + o : channel;
      at_w[o] = (group * p.group_oc + oc) * p.group_ic * taps;
    }
    for (int c = 0; c < p.group_ic; ++c) {
      const int plane = ((image * p.groups + group) * p.group_ic + c) * p.in_d;
      int tap = c * taps;
      for (int kd = 0; kd < p.kernel_d; ++kd) {
        const int d = d0 + kd * p.dilation_d;
        for (int kh = 0; kh < p.kernel_h; ++kh) {
          const int h = h0 + kh * p.dilation_h;
          for (int kw = 0; kw < p.kernel_w; ++kw) {
            const int v = w0 + kw * p.dilation_w;
            if (d >= 0 && d < p.in_d && h >= 0 && h < p.in_h && v >= 0 && v < p.in_w) {
              const float value_in = LD(x, ((plane + d) * p.in_h + h) * p.in_w + v);
              UNROLL for (int o = 0; o < CHANNELS; ++o) sum[o] += value_in * LD(w, at_w[o] + tap);
            }
            ++tap;
          }
        }
      }
    }
    UNROLL for (int o = 0; o < CHANNELS; ++o) {
      if (channel + o < p.group_oc) {
        const int oc = group * p.group_oc + channel + o;
        const int at = (image * p.groups * p.group_oc + oc) * pixels + pixel;
        float v = sum[o];
        if (BIAS != 0) v += LD(bias, oc);
        if (RESIDUAL != 0) v += LD(z, at);
        ST(y, at, activate(v, ACT, p.act_a, p.act_b));
      }
    }
  }
}
