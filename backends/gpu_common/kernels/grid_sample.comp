// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// x read at the positions of a grid (ops/grid_sample.cpp), over 1 to 3 spatial axes, the last ones of three.
#include "types.h"
#include "fmod.h"
#define NEAREST 0
#define LINEAR 1
#define CUBIC 2
#define ZEROS 0
#define BORDER 1
#define REFLECTION 2
CONSTANT(3, RANK, 2)
CONSTANT(4, MODE, LINEAR)
CONSTANT(5, PADDING, ZEROS)
CONSTANT(6, CORNERS, 0)
PARAMS(int n; int channels; int positions; int sizes[3];)

float clip_of(float x, float low, float high) {
  const float y = x < low ? low : x;
  return y > high ? high : y;
}

// Mirrors v at the ends until it lies between them.
float reflected(float v, float low, float high) {
  const float range = high - low;
  if (range <= 0.0f) return low;
  const float distance = FABS(v - low);
  const float rest = fmod_of(distance, range);
  const float times = ROUND_EVEN((distance - rest) / range);
  return times - 2.0f * floor(times * 0.5f) == 0.0f ? low + rest : high - rest;
}

// Keys' cubic convolution with a = -0.75, for a distance in 0 ... 2.
float cubic_of(float d) {
  return d <= 1.0f ? (1.25f * d - 2.25f) * d * d + 1.0f : ((-0.75f * d + 3.75f) * d - 6.0f) * d + 3.0f;
}

float low_end() { return CORNERS != 0 ? 0.0f : -0.5f; }
float high_end(int size) { return TO_FLOAT(size) - (CORNERS != 0 ? 1.0f : 0.5f); }

// Where on an axis of `size` elements a number of the grid points; NaN: nowhere.
float position_of(float g, int size) {
  const float n = TO_FLOAT(size);
  float v = CORNERS != 0 ? (g + 1.0f) / 2.0f * (n - 1.0f) : ((g + 1.0f) * n - 1.0f) / 2.0f;
  if (MODE == NEAREST) v = ROUND_EVEN(v);
  if (v < low_end() || v > high_end(size)) {
    // A cubic kernel reaches over the border, where its elements are clamped one by one. Where nothing is, a
    // step outside is as good as many.
    const float reach = MODE == CUBIC || PADDING == ZEROS ? 3.0f : 0.0f;
    if (PADDING == REFLECTION) return reflected(v, low_end(), high_end(size));
    return clip_of(v, -reach, n - 1.0f + reach);
  }
  return v;
}

// The element that is read for i; -1: none, which counts as zero.
int resolved(int i, int size) {
  if (i >= 0 && i < size) return i;
  if (PADDING == ZEROS) return -1;
  if (PADDING == REFLECTION) i = TO_INT(reflected(TO_FLOAT(i), low_end(), high_end(size)));
  return min(max(i, 0), size - 1);
}

KERNEL(grid_sample)
IN(STORE, 0, x)
IN(STORE, 1, grid)
OUT(STORE, 2, y)
ARGS_END
BODY
  const int id = LINEAR_ID();
  if (id < p.n) {
    const int plane = id / p.positions;
    const int position = id - plane * p.positions;
    const int at = (plane / p.channels * p.positions + position) * RANK;
    int count[3];
    int index[12];
    float weight[12];
    for (int axis = 0; axis < 3; ++axis) {
      const bool missing = axis < 3 - RANK;
      const float v = missing ? 0.0f : position_of(LD(grid, at + (missing ? 0 : 2 - axis)), p.sizes[axis]);
      const float base = floor(v);
      const float f = v - base;
      const int first = v == v ? TO_INT(base) - (MODE == CUBIC ? 1 : 0) : 0;
      count[axis] = v != v ? 0 : (missing || MODE == NEAREST ? 1 : (MODE == LINEAR ? 2 : 4));
      for (int k = 0; k < count[axis]; ++k) {
        index[4 * axis + k] = missing ? 0 : resolved(first + k, p.sizes[axis]);
        float w = 1.0f;
        if (!missing && MODE == LINEAR) w = k == 0 ? 1.0f - f : f;
        if (!missing && MODE == CUBIC) w = cubic_of(FABS(f + 1.0f - TO_FLOAT(k)));
        weight[4 * axis + k] = w;
      }
    }
    float sum = 0.0f;
    for (int a = 0; a < count[0]; ++a) {
      for (int b = 0; b < count[1]; ++b) {
        for (int c = 0; c < count[2]; ++c) {
          const int ia = index[a];
          const int ib = index[4 + b];
          const int ic = index[8 + c];
          if (ia >= 0 && ib >= 0 && ic >= 0)
            sum += weight[a] * weight[4 + b] * weight[8 + c] *
                   LD(x, ((plane * p.sizes[0] + ia) * p.sizes[1] + ib) * p.sizes[2] + ic);
        }
      }
    }
    ST(y, id, sum);
  }
}
