// SPDX-License-Identifier: Apache-2.0
// How many elements of each row are 1.
#include "rows.h"
PARAMS(int rows; int n;)
KERNEL(count_ones)
IN(int, 0, x)
OUT(int, 1, y)
ARGS_END
SHARED(int, folded, MOST_LANES)
BODY
  const int row = ROW;
  const int lane = LANE;
  if (row >= p.rows) return;
  int count = 0;
  for (int k = lane; k < p.n; k += LANES) count += x[row * p.n + k] == 1 ? 1 : 0;
  FOLD_LANES(folded, lane, count, PLUS)
  if (lane == 0) y[row] = count;
}
