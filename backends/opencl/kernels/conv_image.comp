// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// What conv_direct.comp computes, with the weights read as an image, as gemm_image.comp does: ROWS channels of 4
// pixels an invocation, in registers; neighbours have neighbouring pixels. The window of all input channels of
// a group has a multiple of 4 elements.
#include "types.h"
#include "epilogue.h"
#include "registers.h"
#include "conv_window.h"
#include "texels.h"
CONSTANT(3, ROWS, 8)
CONSTANT(4, ACT, 0)
CONSTANT(5, BIAS, 0)
CONSTANT(6, RESIDUAL, 0)
PARAMS(CONV_FIELDS)
#define COLUMNS 4
#define STEP 4
#define FETCH_LEFT(v, i, at_k) SPREAD(v, 0, 1, TEXEL(w, at_w[i] + (at_k) / 4))
#define FETCH_RIGHT(v, at_k)                                                         \
  UNROLL for (int j = 0; j < COLUMNS; ++j) {                                         \
    UNROLL for (int u = 0; u < STEP; ++u) {                                          \
      float one = 0.0f;                                                              \
      WINDOW_ELEMENT(one, (at_k) + u, pixel + j * GROUP_SIZE(0))                     \
      v[u * COLUMNS + j] = one;                                                      \
    }                                                                                \
  }
KERNEL(conv_image)
IN(STORE, 0, x)
IMAGE(1, w)
IN(STORE, 2, bias)
IN(STORE, 3, z)
OUT(STORE, 4, y)
ARGS_END
BODY
  const int pixel = GROUP_ID(0) * GROUP_SIZE(0) * COLUMNS + LOCAL_ID(0);
  const int channel = GLOBAL_ID(1) * ROWS;
  CONV_WINDOWS(GLOBAL_ID(2))
  if (pixel < pixels && channel < p.group_oc) {
    int at_w[ROWS];  // texels
    UNROLL for (int i = 0; i < ROWS; ++i)
      at_w[i] = (group * p.group_oc + (channel + i < p.group_oc ? channel + i : channel)) * depth / 4;
    REGISTER_PRODUCT(depth)
    UNROLL for (int i = 0; i < ROWS; ++i) {
      UNROLL for (int j = 0; j < COLUMNS; ++j) {
        CONV_RESULT(channel + i, pixel + j * GROUP_SIZE(0), sum[i * COLUMNS + j])
      }
    }
  }
}
