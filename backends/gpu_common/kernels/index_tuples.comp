// SPDX-License-Identifier: Apache-2.0
// numbers[t] = which slice of the data index tuple t picks, row-major over the dims that tuples index; -1, told
// in `fault`, where an index is outside. Tuples of one batch follow those of another, `each` of them.
#include "index.h"
CONSTANT(3, WORDS, 2)
PARAMS(int n; int depth; int each; int slices; int dims[16];)
KERNEL(index_tuples)
IN(int, 0, indices)
OUT(int, 1, numbers)
OUT(int, 2, fault)
ARGS_END
BODY
  const int t = LINEAR_ID();
  if (t < p.n) {
    int number = t / p.each * p.slices;
    int outside = -1;
    int within = 0;
    for (int d = 0; d < p.depth; ++d) {
      const int k = INDEX(indices, t * p.depth + d, p.dims[d]);
      if (k < 0 && outside < 0) outside = t * p.depth + d;
      within = within * p.dims[d] + k;
    }
    if (outside >= 0) ATOMIC_MIN(fault, 0, outside);
    numbers[t] = outside >= 0 ? -1 : number + within;
  }
}
