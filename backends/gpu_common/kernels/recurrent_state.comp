// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// The states of recurrent cells, which are floats at `at` in a buffer: MODE 0 makes them zero, 1 reads them from a
// tensor, 2 writes them to one.
#include "types.h"
CONSTANT(3, MODE, 0)
PARAMS(int n; int at;)
KERNEL(recurrent_state)
OUT(STORE, 0, tensor)
OUT(float, 1, states)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    if (MODE == 0) states[p.at + i] = 0.0f;
    if (MODE == 1) states[p.at + i] = LD(tensor, i);
    if (MODE == 2) ST(tensor, i, states[p.at + i]);
  }
}
