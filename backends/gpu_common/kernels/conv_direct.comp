// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Any convolution: y = act(conv(x, w) + bias + residual). An invocation has one pixel of CHANNELS output
// channels in registers, so that an input is read once for all of them.
#include "types.h"
#include "epilogue.h"
#include "conv_window.h"
CONSTANT(3, CHANNELS, 4)
CONSTANT(4, ACT, 0)
CONSTANT(5, BIAS, 0)
CONSTANT(6, RESIDUAL, 0)
PARAMS(CONV_FIELDS)
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
  CONV_WINDOWS(GLOBAL_ID(2))
  if (pixel < pixels && channel < p.group_oc) {
    const int d0 = pixel / (p.out_h * p.out_w) * p.stride_d - p.pad_d;
    const int h0 = pixel / p.out_w % p.out_h * p.stride_h - p.pad_h;
    const int w0 = pixel % p.out_w * p.stride_w - p.pad_w;
    float sum[CHANNELS];
    int at_w[CHANNELS];
    UNROLL for (int o = 0; o < CHANNELS; ++o) {
      sum[o] = 0.0f;
      const int oc = channel + o < p.group_oc ? channel + o : channel;
      at_w[o] = (group * p.group_oc + oc) * depth;
    }
    for (int c = 0; c < p.group_ic; ++c) {
      const int plane = (first + c) * p.in_d;
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
      CONV_RESULT(channel + o, pixel, sum[o])
    }
  }
}
