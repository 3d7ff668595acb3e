// SPDX-License-Identifier: Apache-2.0
// An index of an axis of n elements, counted from the end when negative; -1 when it is outside. high: the
// upper word of a 64-bit one.
int checked_index(int low, int high, int n) {
  const int k = low < 0 ? low + n : low;
  return high == (low < 0 ? -1 : 0) && k >= 0 && k < n ? k : -1;
}
#define INDEX(b, i, n) \
  checked_index(b[(i) * WORDS], WORDS == 2 ? b[(i) * WORDS + 1] : (b[i] < 0 ? -1 : 0), n)
