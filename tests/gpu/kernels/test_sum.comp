// SPDX-License-Identifier: Apache-2.0
// The sum of a group's elements, through memory of the group.
PARAMS(int n;)
KERNEL(test_sum)
IN(int, 0, x)
OUT(int, 1, y)
ARGS_END
SHARED(int, part, 64)
BODY
  const int i = LOCAL_ID(0);
  part[i] = x[GLOBAL_ID(0)];
  BARRIER();
  for (int reach = 32; reach > 0; reach /= 2) {
    if (i < reach) part[i] += part[i + reach];
    BARRIER();
  }
  if (i == 0) y[GROUP_ID(0)] = part[0];
}
