// SPDX-License-Identifier: Apache-2.0
float not_a_number() { return BITS_FLOAT(0x7fc00000u); }

// The remainder by long division of the significands, a bit at a time: exact for any quotient.
float fmod_of(float x, float y) {
  if (x != x || y != y || y == 0.0f || FABS(x) > 3.4028234e38f) return not_a_number();
  if (FABS(x) < FABS(y)) return x;
  uint a = FLOAT_BITS(FABS(x));
  uint b = FLOAT_BITS(FABS(y));
  int ea = TO_INT(a >> 23);
  int eb = TO_INT(b >> 23);
  // Subnormal numbers have no leading bit: they are scaled up to it.
  a = ea == 0 ? a << 1 : (a & 0x7fffffu) | 0x800000u;
  b = eb == 0 ? b << 1 : (b & 0x7fffffu) | 0x800000u;
  for (; a < 0x800000u; --ea) a <<= 1;
  for (; b < 0x800000u; --eb) b <<= 1;
  for (; ea > eb; --ea) {
    if (a >= b) a -= b;
    a <<= 1;
  }
  if (a >= b) a -= b;
  for (; a != 0u && a < 0x800000u; --ea) a <<= 1;
  // What is too small for a leading bit is a multiple of the smallest number all the same.
  const uint bits = ea > 0 ? (a & 0x7fffffu) | (TO_UINT(ea) << 23) : a >> TO_UINT(1 - ea);
  const float r = BITS_FLOAT(a == 0u ? 0u : bits);
  return x < 0.0f ? -r : r;
}
