// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Winograd's F(4x4, 3x3), last step: products of 36 frequencies, x[frequency][channel][tile] or with the last
// two the other way round, to 4x4 pixels, and y = act(pixels + bias + residual).
#include "types.h"
#include "epilogue.h"
CONSTANT(3, ACT, 0)
CONSTANT(4, BIAS, 0)
CONSTANT(5, RESIDUAL, 0)
PARAMS(int n; int x_frequency; int x_channel; int x_tile; int tiles; int tiles_h; int tiles_w; int channels;
       int out_h; int out_w; float act_a; float act_b;)
KERNEL(winograd_out)
IN(float, 0, x)
IN(STORE, 1, bias)
IN(STORE, 2, z)
OUT(STORE, 3, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    const int tile = i % p.tiles;
    const int channel = i / p.tiles;
    const int image = tile / (p.tiles_h * p.tiles_w);
    const int h0 = tile / p.tiles_w % p.tiles_h * 4;
    const int w0 = tile % p.tiles_w * 4;
    float v[36];
    UNROLL for (int f = 0; f < 36; ++f) v[f] = x[f * p.x_frequency + channel * p.x_channel + tile * p.x_tile];
    UNROLL for (int pass = 0; pass < 2; ++pass) {
      UNROLL for (int j = 0; j < 6; ++j) {
        const int at = pass == 0 ? j : j * 6;
        const int by = pass == 0 ? 6 : 1;
        const float sum1 = v[at + by] + v[at + 2 * by];
        const float sum3 = v[at + 3 * by] + v[at + 4 * by];
        const float diff1 = v[at + by] - v[at + 2 * by];
        const float diff3 = v[at + 3 * by] - v[at + 4 * by];
        v[at] = v[at] + sum1 + sum3;
        v[at + by] = diff1 + 2.0f * diff3;
        v[at + 2 * by] = sum1 + 4.0f * sum3;
        v[at + 3 * by] = diff1 + 8.0f * diff3 + v[at + 5 * by];
      }
    }
    float first = 0.0f;
    if (BIAS != 0) first = LD(bias, channel);
    UNROLL for (int r = 0; r < 4; ++r) {
      UNROLL for (int c = 0; c < 4; ++c) {
        if (h0 + r < p.out_h && w0 + c < p.out_w) {
          const int at = ((image * p.channels + channel) * p.out_h + h0 + r) * p.out_w + w0 + c;
          float value = v[r * 6 + c] + first;
          if (RESIDUAL != 0) value += LD(z, at);
          ST(y, at, activate(value, ACT, p.act_a, p.act_b));
        }
      }
    }
  }
}
