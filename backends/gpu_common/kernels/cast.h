// SPDX-License-Identifier: Apache-2.0
// y = x converted to the type that cast_TYPE.comp names, element by element. Floats become integers rounded
// towards zero; those that the type cannot hold become its nearest end, NaN becomes 0.
int float_to_int(float v) {
  if (v != v) return 0;
  return v >= 2147483648.0f ? 2147483647 : (v <= -2147483648.0f ? -2147483647 - 1 : TO_INT(v));
}
uint float_to_uint(float v) {
  if (v < 0.0f) return TO_UINT(float_to_int(v));
  return v != v ? 0u : (v >= 4294967296.0f ? 4294967295u : TO_UINT(v));
}
#if defined(CAST_WIDE)
int64 float_to_int64(float v) {
  const int64 lowest = TO_INT64(1) << 63;
  if (v != v) return TO_INT64(0);
  return v >= 9223372036854775808.0f ? lowest - TO_INT64(1) : (v <= -9223372036854775808.0f ? lowest : TO_INT64(v));
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
