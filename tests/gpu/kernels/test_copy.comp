// SPDX-License-Identifier: Apache-2.0
// A copy, 16 bytes an invocation: for bandwidth.
PARAMS(int n;)
KERNEL(test_copy)
IN(uint4, 0, x)
OUT(uint4, 1, y)
ARGS_END
BODY
  const int i = LINEAR_ID();
  if (i < p.n) y[i] = x[i];
}
