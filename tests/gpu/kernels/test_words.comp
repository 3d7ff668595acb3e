// SPDX-License-Identifier: Apache-2.0
// Copies all push words.
PARAMS(int words[32];)
KERNEL(test_words)
OUT(int, 0, y)
ARGS_END
BODY
  const int i = GLOBAL_ID(0);
  if (i < 32) y[i] = p.words[i];
}
