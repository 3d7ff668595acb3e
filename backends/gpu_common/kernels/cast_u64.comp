// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 i32 u32 i64 u64 i8 u8
#include "types.h"
#define CAST_WIDE
#define TO_STORE S_U64
#define TO_ST(b, i, v) ST_U64(b, i, v)
#if defined(HRT_VARIANT_f32) || defined(HRT_VARIANT_f16)
#define CONVERT(v) float_to_uint64(v)
#else
#define CONVERT(v) TO_UINT64(v)
#endif
#include "cast.h"
