// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// y = (x - mean) / sqrt(variance + epsilon) * scale + bias over rows: the normalisations over last axes, over
// groups of channels, over each channel. The mean, then the mean of squares around it.
//
// An element of a row takes scale and bias of place (row % period) * per_row + element / run % places. With
// SKIP, x is x + skip + skip_bias, and that sum is written too.
#include "types.h"
#include "rows.h"
CONSTANT(4, CENTRE, 1)  // 0: a mean of zero, whatever it is
CONSTANT(5, BIAS, 1)
CONSTANT(6, SKIP, 0)
CONSTANT(7, SKIP_BIAS, 0)
CONSTANT(8, KEEP_SUM, 0)
CONSTANT(9, KEEP_MEAN, 0)
CONSTANT(10, KEEP_INVERSE, 0)
PARAMS(int rows; int n; float epsilon; int period; int per_row; int run; int places; int skips;)

#define X(k) (LD(x, base + (k)) + (SKIP != 0 ? LD(skip, (base + (k)) % p.skips) : 0.0f) + \
              (SKIP_BIAS != 0 ? LD(skip_bias, k) : 0.0f))

KERNEL(normalize)
IN(STORE, 0, x)
IN(STORE, 1, scale)
IN(STORE, 2, bias)
IN(STORE, 3, skip)
IN(STORE, 4, skip_bias)
OUT(STORE, 5, y)
OUT(STORE, 6, sums)
OUT(float, 7, means)
OUT(float, 8, inverses)
ARGS_END
SHARED(float, folded, MOST_LANES)
BODY
  const int row = ROW;
  const int lane = LANE;
  if (row >= p.rows) return;
  const int base = row * p.n;
  float mean = 0.0f;
  if (CENTRE != 0) {
    for (int k = lane; k < p.n; k += LANES) mean += X(k);
    FOLD_LANES(folded, lane, mean, PLUS)
    mean /= TO_FLOAT(p.n);
  }
  float squares = 0.0f;
  for (int k = lane; k < p.n; k += LANES) {
    const float d = X(k) - mean;
    squares += d * d;
  }
  FOLD_LANES(folded, lane, squares, PLUS)
  const float inverse = 1.0f / sqrt(squares / TO_FLOAT(p.n) + p.epsilon);
  const int first = row % p.period * p.per_row;
  for (int k = lane; k < p.n; k += LANES) {
    const int place = first + (p.run == 1 ? k : k / p.run) % p.places;
    const float v = X(k);
    if (KEEP_SUM != 0) ST(sums, base + k, v);
    ST(y, base + k, (v - mean) * inverse * LD(scale, place) + (BIAS != 0 ? LD(bias, place) : 0.0f));
  }
  if (lane == 0) {
    if (KEEP_MEAN != 0) means[row] = mean;
    if (KEEP_INVERSE != 0) inverses[row] = inverse;
  }
}
