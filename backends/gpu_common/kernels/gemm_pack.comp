// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Matrices as gemm_lanes wants them: panels of WIDTH rows (or of all columns, rounded up), one element of
// the inner dim after the other: y[matrix][panel][inner][within], zero behind the ends.
#include "types.h"
PARAMS(int n; int width; int panels; int inner; int outer_count; int inner_count; int outer_stride;
       int inner_stride; int dims[2]; int batch[3];)
KERNEL(gemm_pack)
IN(STORE, 0, x)
OUT(float, 1, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    int rest = i / p.width;
    const int k = rest % p.inner;
    rest /= p.inner;
    const int r = rest % p.panels * p.width + i % p.width;
    rest /= p.panels;
    int at = r * p.outer_stride + k * p.inner_stride;
    at += rest % p.dims[1] * p.batch[2];
    rest /= p.dims[1];
    at += rest % p.dims[0] * p.batch[1] + rest / p.dims[0] * p.batch[0];
    float v = 0.0f;
    if (r < p.outer_count && k < p.inner_count) v = LD(x, at);
    y[i] = v;
  }
}
