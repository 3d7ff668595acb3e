// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 i8 u8
// Pools with a window over up to three spatial axes, one invocation for each output.
#include "types.h"
CONSTANT(3, OP, 0)
#define MAX 0
#define AVERAGE 1
#define LP 2
CONSTANT(4, DEPTH, 1)  // of the window
CONSTANT(5, HEIGHT, 1)
CONSTANT(6, WIDTH, 1)
CONSTANT(7, WITH_PADDING, 0)  // AVERAGE: the padding counts as elements
CONSTANT(8, KEEP_PLACES, 0)   // MAX: 1: where it was, 2: numbered with the first axis fastest
// end: padding behind, of the last elements that count.
PARAMS(int n; float order; int from[3]; int to[3]; int stride[3]; int dilation[3]; int begin[3]; int end[3];)

// Taps of a window at `start` that lie before `limit`.
int taps_before(int limit, int start, int taps, int dilation) {
  return clamp((limit - start + dilation - 1) / dilation, 0, taps);
}

#if defined(HRT_VARIANT_f32) || defined(HRT_VARIANT_f16)
#define IS_NAN(v) isnan(v)
#define IS_FLOAT
#else
#define IS_NAN(v) false
#endif

KERNEL(pool)
IN(STORE, 0, x)
OUT(STORE, 1, y)
OUT(uint2, 2, places)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i >= p.n) return;
  const int x0 = i % p.to[2] * p.stride[2] - p.begin[2];
  const int y0 = i / p.to[2] % p.to[1] * p.stride[1] - p.begin[1];
  const int z0 = i / (p.to[2] * p.to[1]) % p.to[0] * p.stride[0] - p.begin[0];
  const int plane = i / (p.to[2] * p.to[1] * p.to[0]) * (p.from[0] * p.from[1] * p.from[2]);
  COMPUTE v = OP == MAX ? LOWEST : TO_COMPUTE(0);
  int where = -1;
  int count = 0;
  for (int d = 0; d < DEPTH; ++d) {
    const int z = z0 + d * p.dilation[0];
    if (z < 0 || z >= p.from[0]) continue;
    for (int h = 0; h < HEIGHT; ++h) {
      const int yy = y0 + h * p.dilation[1];
      if (yy < 0 || yy >= p.from[1]) continue;
      const int line = (z * p.from[1] + yy) * p.from[2];
      for (int w = 0; w < WIDTH; ++w) {
        const int xx = x0 + w * p.dilation[2];
        if (xx < 0 || xx >= p.from[2]) continue;
        const COMPUTE e = LD(x, plane + line + xx);
        ++count;
        if (OP == MAX) {
          if (where < 0 || e > v || IS_NAN(e)) {  // a NaN is passed on
            v = e;
            where = line + xx;
          }
        }
#ifdef IS_FLOAT
        if (OP == AVERAGE) v += e;
        if (OP == LP) v += pow(FABS(e), p.order);
#endif
      }
    }
  }
#ifdef IS_FLOAT
  if (OP == AVERAGE) {
    if (WITH_PADDING != 0)
      count = taps_before(p.from[0] + p.end[0], z0, DEPTH, p.dilation[0]) *
              taps_before(p.from[1] + p.end[1], y0, HEIGHT, p.dilation[1]) *
              taps_before(p.from[2] + p.end[2], x0, WIDTH, p.dilation[2]);
    v = count > 0 ? v / TO_FLOAT(count) : 0.0f;
  }
  if (OP == LP) v = pow(v, 1.0f / p.order);
#endif
  ST(y, i, v);
  if (KEEP_PLACES != 0) {
    int at = where;
    if (KEEP_PLACES == 2 && where >= 0) {
      const int width = p.from[2];
      const int height = p.from[1];
      at = (where % width * height + where / width % height) * p.from[0] + where / (width * height);
    }
    places[i] = where < 0 ? UINT2(0xffffffffu, 0xffffffffu) : UINT2(plane + at, 0);
  }
}
