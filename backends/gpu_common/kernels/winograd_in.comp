// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Winograd's F(4x4, 3x3), first step (Lavin and Gray, arXiv:1509.09308): each invocation transforms one
// 6x6 patch of one channel: y[frequency][tile / panel][channel][tile % panel], zero behind the last tile.
#include "types.h"
PARAMS(int n; int width; int tiles; int tiles_h; int tiles_w; int channels; int in_h; int in_w; int pad_h;
       int pad_w; int panel;)
KERNEL(winograd_in)
IN(STORE, 0, x)
OUT(float, 1, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    const int tile = i % p.width;
    const int channel = i / p.width;
    const int image = tile / (p.tiles_h * p.tiles_w);
    const int h0 = tile / p.tiles_w % p.tiles_h * 4 - p.pad_h;
    const int w0 = tile % p.tiles_w * 4 - p.pad_w;
    float v[36];
    UNROLL for (int r = 0; r < 6; ++r) {
      UNROLL for (int c = 0; c < 6; ++c) {
        const int h = h0 + r;
        const int w = w0 + c;
        v[r * 6 + c] = 0.0f;
        if (tile < p.tiles && h >= 0 && h < p.in_h && w >= 0 && w < p.in_w)
          v[r * 6 + c] = LD(x, ((image * p.channels + channel) * p.in_h + h) * p.in_w + w);
      }
    }
    UNROLL for (int pass = 0; pass < 2; ++pass) {
      UNROLL for (int j = 0; j < 6; ++j) {
        const int at = pass == 0 ? j : j * 6;
        const int by = pass == 0 ? 6 : 1;
        const float d0 = v[at];
        const float d1 = v[at + by];
        const float d2 = v[at + 2 * by];
        const float d3 = v[at + 3 * by];
        const float d4 = v[at + 4 * by];
        const float d5 = v[at + 5 * by];
        v[at] = 4.0f * d0 - 5.0f * d2 + d4;
        v[at + by] = (d3 + d4) - 4.0f * (d1 + d2);
        v[at + 2 * by] = (d4 - d3) + 4.0f * (d1 - d2);
        v[at + 3 * by] = (d4 - d2) + 2.0f * (d3 - d1);
        v[at + 4 * by] = (d4 - d2) - 2.0f * (d3 - d1);
        v[at + 5 * by] = 4.0f * d1 - 5.0f * d3 + d5;
      }
    }
    const int at = (tile / p.panel * p.channels + channel) * p.panel + tile % p.panel;
    UNROLL for (int f = 0; f < 36; ++f) y[f * p.channels * p.width + at] = v[f];
  }
}
