// SPDX-License-Identifier: Apache-2.0
// One dependent step: y[i] = x[(i + p.shift) % n] * 3 + 1, in wrapping arithmetic. Every element of the result
// depends on another group's, so that a dispatch that does not wait for the one before gives other numbers.
PARAMS(int n; int shift;)
KERNEL(test_chase)
IN(uint, 0, x)
OUT(uint, 1, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) y[i] = x[(i + p.shift) % p.n] * 3 + 1;
}
