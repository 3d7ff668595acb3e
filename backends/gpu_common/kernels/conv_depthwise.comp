// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Convolution in two dims with a filter for each channel: y = act(conv(x, w) + bias + residual). An invocation
// computes a tile of TILE_H x TILE_W pixels, whose windows overlap, from inputs that it reads once.
#include "types.h"
#include "epilogue.h"
CONSTANT(3, KERNEL_H, 3)
CONSTANT(4, KERNEL_W, 3)
CONSTANT(5, STRIDE_H, 1)
CONSTANT(6, STRIDE_W, 1)
CONSTANT(7, TILE_H, 4)
CONSTANT(8, TILE_W, 4)
CONSTANT(9, ACT, 0)
CONSTANT(10, BIAS, 0)
CONSTANT(11, RESIDUAL, 0)
PARAMS(int n; int tiles_h; int tiles_w; int channels; int in_h; int in_w; int out_h; int out_w; int pad_h;
       int pad_w; float act_a; float act_b;)
KERNEL(conv_depthwise)
IN(STORE, 0, x)
IN(STORE, 1, w)
IN(STORE, 2, bias)
IN(STORE, 3, z)
OUT(STORE, 4, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    const int column = i % p.tiles_w * TILE_W;
    const int row = i / p.tiles_w % p.tiles_h * TILE_H;
    const int plane = i / (p.tiles_w * p.tiles_h);
    const int channel = plane % p.channels;
    float taps[KERNEL_H * KERNEL_W];
    UNROLL for (int t = 0; t < KERNEL_H * KERNEL_W; ++t) taps[t] = LD(w, channel * KERNEL_H * KERNEL_W + t);
    float sum[TILE_H * TILE_W];
    float first = 0.0f;
    if (BIAS != 0) first = LD(bias, channel);
    UNROLL for (int t = 0; t < TILE_H * TILE_W; ++t) sum[t] = first;
    const int x0 = column * STRIDE_W - p.pad_w;
    const int y0 = row * STRIDE_H - p.pad_h;
    UNROLL for (int h = 0; h < (TILE_H - 1) * STRIDE_H + KERNEL_H; ++h) {
      UNROLL for (int v = 0; v < (TILE_W - 1) * STRIDE_W + KERNEL_W; ++v) {
        const int at_h = y0 + h;
        const int at_w = x0 + v;
        float value_in = 0.0f;
        if (at_h >= 0 && at_h < p.in_h && at_w >= 0 && at_w < p.in_w)
          value_in = LD(x, (plane * p.in_h + at_h) * p.in_w + at_w);
        UNROLL for (int r = 0; r < TILE_H; ++r) {
          UNROLL for (int c = 0; c < TILE_W; ++c) {
            const int kh = h - r * STRIDE_H;
            const int kw = v - c * STRIDE_W;
            if (kh >= 0 && kh < KERNEL_H && kw >= 0 && kw < KERNEL_W)
              sum[r * TILE_W + c] += value_in * taps[kh * KERNEL_W + kw];
          }
        }
      }
    }
    UNROLL for (int r = 0; r < TILE_H; ++r) {
      UNROLL for (int c = 0; c < TILE_W; ++c) {
        if (row + r < p.out_h && column + c < p.out_w) {
          const int at = (plane * p.out_h + row + r) * p.out_w + column + c;
          float value = sum[r * TILE_W + c];
          if (RESIDUAL != 0) value += LD(z, at);
          ST(y, at, activate(value, ACT, p.act_a, p.act_b));
        }
      }
    }
  }
}
