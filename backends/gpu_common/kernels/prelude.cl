// SPDX-License-Identifier: Apache-2.0
// The kernel dialect as OpenCL C 1.2; prelude.glsl is its counterpart and explains the words. In front of this
// text the driver defines HRT_VARIANT_x, and HRT_C0, HRT_C1 ... for the constants that it was given.
//
// Pointers are not "restrict": an output may lie over an input. Push constants are passed as a union of fixed
// size, so that the driver need not know what the kernel declared.
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif

#define CONSTANT(id, name, value) enum { name = HRT_C##id(value) };
#define PARAMS(fields)             \
  typedef struct { fields } Push; \
  typedef union {                  \
    Push fields_;                  \
    uint words_[32];               \
  } PushWords;
#define KERNEL(name) \
  kernel __attribute__((reqd_work_group_size(HRT_C0(1), HRT_C1(1), HRT_C2(1)))) void hrt_kernel(
#define IN(T, n, name) global const T *name,
#define OUT(T, n, name) global T *name,
// A buffer that is read through the device's texture cache, 4 elements at once: TEXEL(b, i) is elements 4i to
// 4i + 3, as floats. GLSL has no such words: kernels with images are OpenCL's own.
#define IMAGE(n, name) read_only image1d_buffer_t name,
#define TEXEL(b, i) read_imagef(b, i)
#define ARGS_END const PushWords push_words_) {
#define SHARED(T, name, size) local T name[size];
#define BODY const Push p = push_words_.fields_;

#define GLOBAL_ID(d) ((int)get_global_id(d))
#define LOCAL_ID(d) ((int)get_local_id(d))
#define GROUP_ID(d) ((int)get_group_id(d))
#define GROUPS(d) ((int)get_num_groups(d))
#define GROUP_SIZE(d) ((int)get_local_size(d))
#define LINEAR_ID() (GLOBAL_ID(0) + GLOBAL_ID(1) * GROUPS(0) * GROUP_SIZE(0))
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#define BARRIER_BUFFERS() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#define ATOMIC_MIN(b, i, v) atomic_min(&b[i], v)
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL
#endif

#define int64 long
#define uint64 ulong
#define FLOAT2 (float2)
#define FLOAT4 (float4)
#define INT2 (int2)
#define INT4 (int4)
#define UINT2 (uint2)
#define UINT4 (uint4)
#define TO_FLOAT(x) ((float)(x))
#define TO_INT(x) ((int)(x))
#define TO_UINT(x) ((uint)(x))
#define TO_INT64(x) ((long)(x))
#define TO_UINT64(x) ((ulong)(x))
#define TO_DOUBLE(x) ((double)(x))
#define TO_U8(x) ((uchar)(x))
#define TO_U16(x) ((ushort)(x))
#define FABS(x) fabs(x)
#define POSITIVE_INFINITY INFINITY
#define ROUND_EVEN(x) rint(x)
#define FLOAT_BITS(x) as_uint(x)
#define BITS_FLOAT(x) as_float(x)
#define SELECT(no, yes, condition) ((condition) ? (yes) : (no))

#define S_F32 float
#define S_F16 half
#define S_F64 double
#define S_I32 int
#define S_U32 uint
#define S_I64 long
#define S_U64 ulong
#define S_I8 char
#define S_U8 uchar
#define S_I16 short
#define S_U16 ushort
#define LD_F(b, i) ((float)b[i])
#define LD_H(b, i) vload_half(i, b)
#define ST_F32(b, i, v) b[i] = (v)
#define ST_F16(b, i, v) vstore_half_rte(v, i, b)
#define ST_F64(b, i, v) b[i] = (double)(v)
#define LD_I(b, i) ((int)b[i])
#define LD_I64(b, i) ((long)b[i])
#define LD_RAW(b, i) b[i]
#define ST_RAW(b, i, v) b[i] = (v)
#define ST_I32(b, i, v) b[i] = (int)(v)
#define ST_U32(b, i, v) b[i] = (uint)(v)
#define ST_I64(b, i, v) b[i] = (long)(v)
#define ST_U64(b, i, v) b[i] = (ulong)(v)
#define ST_I8(b, i, v) b[i] = (char)(v)
#define ST_U8(b, i, v) b[i] = (uchar)(v)
