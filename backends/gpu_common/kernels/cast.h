// SPDX-License-Identifier: Apache-2.0
// y = x converted to the type that cast_TYPE.comp names, element by element. Floats become the nearest 64-bit
// integers towards zero, of which narrower types keep the low bits; NaN becomes 0. The bits are shifted here:
// what conversions give outside of a type's range differs by device.
int exponent_of(float v) { return TO_INT(FLOAT_BITS(v) >> 23 & 0xffu) - 127; }
uint significand_of(float v) { return (FLOAT_BITS(v) & 0x7fffffu) | 0x800000u; }
uint low_bits(float v) {
  const int e = exponent_of(v);
  if (v != v || e < 0) return 0u;
  if (e >= 63) return v < 0.0f ? 0u : 0xffffffffu;
  const uint m = significand_of(v);
  const uint low = e <= 23 ? m >> TO_UINT(23 - e) : (e < 55 ? m << TO_UINT(e - 23) : 0u);
  return v < 0.0f ? 0u - low : low;
}
#if defined(CAST_WIDE)
// For exponents of 0 to 63.
uint64 magnitude_of(float v) {
  const int e = exponent_of(v);
  const uint64 m = TO_UINT64(significand_of(v));
  return e <= 23 ? m >> (23 - e) : m << (e - 23);
}
uint64 wide_bits(float v) {
  const int e = exponent_of(v);
  const uint64 lowest = TO_UINT64(1) << 63;
  if (v != v || e < 0) return TO_UINT64(0);
  if (e >= 63) return v < 0.0f ? lowest : lowest - TO_UINT64(1);
  return v < 0.0f ? TO_UINT64(0) - magnitude_of(v) : magnitude_of(v);
}
uint64 float_to_uint64(float v) {
  if (v == v && v >= 18446744073709551616.0f) return TO_UINT64(0) - TO_UINT64(1);
  return v == v && v >= 9223372036854775808.0f ? magnitude_of(v) : wide_bits(v);
}
#endif
PARAMS(int n;)
KERNEL(cast)
IN(STORE, 0, x)
OUT(TO_STORE, 1, y)
ARGS_END
BODY
  for (int i = LINEAR_ID(); i < p.n; i += GROUPS(0) * GROUPS(1) * GROUP_SIZE(0)) TO_ST(y, i, CONVERT(LD(x, i)));
}
