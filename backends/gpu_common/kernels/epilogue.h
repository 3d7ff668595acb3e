// SPDX-License-Identifier: Apache-2.0
// What products and convolutions do to a result while it is at hand: the activation of fused operators, by
// the numbers of ops/epilogue.cpp.
float activate(float x, int act, float a, float b) {
  if (act == 1) return x < 0.0f ? 0.0f : x;
  if (act == 2) return x < 0.0f ? a * x : x;
  if (act == 3) {
    const float low = x < a ? a : x;
    return low > b ? b : low;
  }
  if (act == 4) return 1.0f / (1.0f + exp(-x));
  if (act == 5) {
    const float e = exp(-2.0f * FABS(x));
    const float t = (1.0f - e) / (1.0f + e);
    return x < 0.0f ? -t : SELECT(x, t, x > 0.0f);
  }
  if (act == 6 || act == 7) {
    const float h = act == 6 ? a * x + b : x / 6.0f + 0.5f;
    const float low = h < 0.0f ? 0.0f : h;
    const float v = low > 1.0f ? 1.0f : low;
    return act == 6 ? v : x * v;
  }
  if (act == 8) return x / (1.0f + exp(-a * x));
  return x;
}
