// SPDX-License-Identifier: Apache-2.0
// The order of TopK: element a, of value va, comes before element b. NaN counts as the largest; of equal ones
// the first comes first, so that no two are equal and every element has a rank of its own.
bool above(COMPUTE a, COMPUTE b) { return a > b || (a != a && b == b); }
bool before(int a, COMPUTE va, int b, COMPUTE vb) {
  if (above(va, vb)) return LARGEST != 0;
  return above(vb, va) ? LARGEST == 0 : a < b;
}
