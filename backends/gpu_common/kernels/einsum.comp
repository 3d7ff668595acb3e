// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 f64 i32 i64
// Any sum of products over indices: one invocation for each result, which walks the indices that are summed.
//   table: sizes of RANK indices of the result, of INNER summed ones, then strides of each operand in the same order
#include "types.h"
CONSTANT(3, OPERANDS, 1)
CONSTANT(4, RANK, 0)
CONSTANT(5, INNER, 0)
PARAMS(int n; int terms;)
KERNEL(einsum)
IN(STORE, 0, x0)
IN(STORE, 1, x1)
IN(STORE, 2, x2)
IN(STORE, 3, x3)
OUT(STORE, 4, y)
IN(int, 5, table)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) {
    int first[4];
    UNROLL for (int k = 0; k < 4; ++k) first[k] = 0;
    int rest = i;
    UNROLL for (int d = RANK - 1; d >= 0; --d) {
      const int c = rest % table[d];
      rest /= table[d];
      UNROLL for (int k = 0; k < OPERANDS; ++k) first[k] += c * table[(k + 1) * (RANK + INNER) + d];
    }
    COMPUTE sum = TO_COMPUTE(0);
    for (int t = 0; t < p.terms; ++t) {
      int at[4];
      UNROLL for (int k = 0; k < 4; ++k) at[k] = first[k];
      int left = t;
      UNROLL for (int d = RANK + INNER - 1; d >= RANK; --d) {
        const int c = left % table[d];
        left /= table[d];
        UNROLL for (int k = 0; k < OPERANDS; ++k) at[k] += c * table[(k + 1) * (RANK + INNER) + d];
      }
      COMPUTE product = LD(x0, at[0]);
      if (OPERANDS > 1) product *= LD(x1, at[1]);
      if (OPERANDS > 2) product *= LD(x2, at[2]);
      if (OPERANDS > 3) product *= LD(x3, at[3]);
      sum += product;
    }
    ST(y, i, sum);
  }
}
