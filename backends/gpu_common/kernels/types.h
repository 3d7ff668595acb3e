// SPDX-License-Identifier: Apache-2.0
// STORE, COMPUTE, LD and ST for the variant that is compiled; TO_COMPUTE, a cast; LOWEST and HIGHEST that
// STORE holds. Included behind the prelude by every kernel that has variants by element type.
#if defined(HRT_VARIANT_f32)
#define STORE S_F32
#define COMPUTE float
#define TO_COMPUTE(x) TO_FLOAT(x)
#define LD(b, i) LD_F(b, i)
#define ST(b, i, v) ST_F32(b, i, v)
#define LOWEST -POSITIVE_INFINITY
#define HIGHEST POSITIVE_INFINITY
#elif defined(HRT_VARIANT_f16)
#define STORE S_F16
#define COMPUTE float
#define TO_COMPUTE(x) TO_FLOAT(x)
#define LD(b, i) LD_H(b, i)
#define ST(b, i, v) ST_F16(b, i, v)
#define LOWEST -POSITIVE_INFINITY
#define HIGHEST POSITIVE_INFINITY
#elif defined(HRT_VARIANT_f64)
#define STORE S_F64
#define COMPUTE double
#define TO_COMPUTE(x) TO_DOUBLE(x)
#define LD(b, i) LD_RAW(b, i)
#define ST(b, i, v) ST_F64(b, i, v)
#elif defined(HRT_VARIANT_i32)
#define STORE S_I32
#define COMPUTE int
#define TO_COMPUTE(x) TO_INT(x)
#define LD(b, i) LD_I(b, i)
#define ST(b, i, v) ST_I32(b, i, v)
#define LOWEST (-2147483647 - 1)
#define HIGHEST 2147483647
#elif defined(HRT_VARIANT_u32)
#define STORE S_U32
#define COMPUTE uint
#define TO_COMPUTE(x) TO_UINT(x)
#define LD(b, i) LD_RAW(b, i)
#define ST(b, i, v) ST_U32(b, i, v)
#define LOWEST 0u
#define HIGHEST 0xffffffffu
#elif defined(HRT_VARIANT_i64)
#define STORE S_I64
#define COMPUTE int64
#define TO_COMPUTE(x) TO_INT64(x)
#define LD(b, i) LD_I64(b, i)
#define ST(b, i, v) ST_I64(b, i, v)
#define LOWEST (-0x7fffffffffffffffL - 1L)
#define HIGHEST 0x7fffffffffffffffL
#elif defined(HRT_VARIANT_u64)
#define STORE S_U64
#define COMPUTE uint64
#define TO_COMPUTE(x) TO_UINT64(x)
#define LD(b, i) LD_RAW(b, i)
#define ST(b, i, v) ST_U64(b, i, v)
#define LOWEST 0UL
#define HIGHEST 0xffffffffffffffffUL
#elif defined(HRT_VARIANT_i8)
#define STORE S_I8
#define COMPUTE int
#define TO_COMPUTE(x) TO_INT(x)
#define LD(b, i) LD_I(b, i)
#define ST(b, i, v) ST_I8(b, i, v)
#define LOWEST -128
#define HIGHEST 127
#elif defined(HRT_VARIANT_u8)
#define STORE S_U8
#define COMPUTE int
#define TO_COMPUTE(x) TO_INT(x)
#define LD(b, i) LD_I(b, i)
#define ST(b, i, v) ST_U8(b, i, v)
#define LOWEST 0
#define HIGHEST 255
#endif
// By size, for kernels that only move elements about.
#if defined(HRT_VARIANT_b1)
#define STORE S_U8
#define RAW_ZERO TO_U8(0)
#elif defined(HRT_VARIANT_b2)
#define STORE S_U16
#define RAW_ZERO TO_U16(0)
#elif defined(HRT_VARIANT_b4)
#define STORE S_U32
#define RAW_ZERO 0u
#elif defined(HRT_VARIANT_b8)
#define STORE uint2
#define RAW_ZERO UINT2(0u, 0u)
#endif
