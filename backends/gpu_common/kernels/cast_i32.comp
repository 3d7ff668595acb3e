// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16 i32 u32 i64 u64 i8 u8
#include "types.h"
#define TO_STORE S_I32
#define TO_ST(b, i, v) ST_I32(b, i, v)
#if defined(HRT_VARIANT_f32) || defined(HRT_VARIANT_f16)
#define CONVERT(v) TO_INT(low_bits(v))
#else
#define CONVERT(v) (v)
#endif
#include "cast.h"
