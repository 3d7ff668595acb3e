// SPDX-License-Identifier: Apache-2.0
// Four elements of a row at once, from an image or a buffer, for products in steps of four (registers.h).
#ifdef HRT_VARIANT_f16
#define LD4(b, i) vload_half4(0, b + (i))
#else
#define LD4(b, i) vload4(0, b + (i))
#endif
// Sets v[at], v[at + by], ...
#define SPREAD(v, at, by, four)    \
  {                                \
    const float4 four_ = four;     \
    v[at] = four_.s0;              \
    v[(at) + (by)] = four_.s1;     \
    v[(at) + 2 * (by)] = four_.s2; \
    v[(at) + 3 * (by)] = four_.s3; \
  }
