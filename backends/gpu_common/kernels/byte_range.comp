// SPDX-License-Identifier: Apache-2.0
// The scale and zero point of the smallest range that holds zero and all elements, as bytes without sign.
// First the ends of rows of n elements, then, with LAST, of rows of such ends: one row, all ends.
#include "types.h"
#include "rows.h"
CONSTANT(4, LAST, 0)
PARAMS(int rows; int n; int count;)
KERNEL(byte_range)
IN(float, 0, x)
OUT(float, 1, ends)
OUT(float, 2, scale)
OUT(S_U8, 3, zero)
ARGS_END
SHARED(float, folded, MOST_LANES)
BODY
  const int row = ROW;
  const int lane = LANE;
  if (row >= p.rows) return;
  float low = 0.0f;
  float high = 0.0f;
  for (int k = row * p.n + lane; k < min((row + 1) * p.n, p.count); k += LANES) {
    low = min(low, LAST != 0 ? x[2 * k] : x[k]);
    high = max(high, LAST != 0 ? x[2 * k + 1] : x[k]);
  }
  FOLD_LANES(folded, lane, low, min)
  FOLD_LANES(folded, lane, high, max)
  if (lane == 0 && LAST == 0) {
    ends[2 * row] = low;
    ends[2 * row + 1] = high;
  }
  if (lane == 0 && LAST != 0) {
    const float step = (high - low) / 255.0f;
    scale[0] = step;
    zero[0] = TO_U8(step == 0.0f ? 0 : TO_INT(ROUND_EVEN(min(max(-low / step, 0.0f), 255.0f))));
  }
}
