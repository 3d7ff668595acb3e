// SPDX-License-Identifier: Apache-2.0
// The kernel dialect as GLSL; prelude.cl is its counterpart. A kernel reads:
//
//     // variants: f32 f16                  compiled once for each, with HRT_VARIANT_f32 ... defined
//     CONSTANT(3, OP, 0)                    a constant that the pipeline is compiled for; 0, 1, 2: group size
//     PARAMS(int n; float alpha;)           push constants, as p.n; at most 128 bytes; arrays are allowed
//     KERNEL(name)
//     IN(STORE, 0, x)                       binding 0, read only
//     OUT(STORE, 1, y)                      binding 1
//     ARGS_END
//     SHARED(float, tile, 256)              memory of the group
//     BODY
//       const int i = GLOBAL_ID(0);
//       if (i < p.n) ST(y, i, exp(LD(x, i)));
//     }
//
// Functions of values can stand before KERNEL; what touches buffers is a macro. No vector constructors but
// FLOAT2, FLOAT4, INT4, ...; no casts but TO_INT, TO_FLOAT, ...; float literals as 1.0f.
#extension GL_EXT_shader_16bit_storage : enable
#extension GL_EXT_shader_8bit_storage : enable
#extension GL_EXT_shader_explicit_arithmetic_types : enable
#extension GL_EXT_control_flow_attributes : enable

#define CONSTANT(id, name, value) layout(constant_id = id) const int name = value;
#define PARAMS(fields) layout(push_constant, std430) uniform Push { fields } p;
#define KERNEL(name) layout(local_size_x_id = 0, local_size_y_id = 1, local_size_z_id = 2) in;
#define IN(T, n, name) layout(std430, set = 0, binding = n) readonly buffer Block##n { T name[]; };
#define OUT(T, n, name) layout(std430, set = 0, binding = n) buffer Block##n { T name[]; };
#define ARGS_END
#define SHARED(T, name, size) shared T name[size];
#define BODY void main() {

#define GLOBAL_ID(d) int(gl_GlobalInvocationID[d])
#define LOCAL_ID(d) int(gl_LocalInvocationID[d])
#define GROUP_ID(d) int(gl_WorkGroupID[d])
#define GROUPS(d) int(gl_NumWorkGroups[d])
#define GROUP_SIZE(d) int(gl_WorkGroupSize[d])
// For one-dimensional kernels: more invocations than fit one dimension are dispatched in two (Call::linear).
#define LINEAR_ID() (GLOBAL_ID(0) + GLOBAL_ID(1) * GROUPS(0) * GROUP_SIZE(0))
#define BARRIER() barrier()
// Orders what a group reads and writes in buffers, too.
#define BARRIER_BUFFERS() { memoryBarrierBuffer(); barrier(); }
#define ATOMIC_MIN(b, i, v) atomicMin(b[i], v)
#define UNROLL [[unroll]]

#define int64 int64_t
#define uint64 uint64_t
#define float2 vec2
#define float4 vec4
#define int2 ivec2
#define int4 ivec4
#define uint2 uvec2
#define uint4 uvec4
#define FLOAT2 vec2
#define FLOAT4 vec4
#define INT2 ivec2
#define INT4 ivec4
#define UINT2 uvec2
#define UINT4 uvec4
#define TO_FLOAT(x) float(x)
#define TO_INT(x) int(x)
#define TO_UINT(x) uint(x)
#define TO_INT64(x) int64_t(x)
#define TO_UINT64(x) uint64_t(x)
#define TO_DOUBLE(x) double(x)
#define TO_U8(x) uint8_t(x)
#define TO_U16(x) uint16_t(x)
#define FLOAT_BITS(x) floatBitsToUint(x)
#define BITS_FLOAT(x) uintBitsToFloat(x)
#define FABS(x) abs(x)
#define ROUND_EVEN(x) roundEven(x)
#define POSITIVE_INFINITY uintBitsToFloat(0x7f800000u)
#define SELECT(no, yes, condition) ((condition) ? (yes) : (no))

// Element types in buffers: STORE is the variant's; LD and ST convert to and from COMPUTE.
#define S_F32 float
#define S_F16 float16_t
#define S_F64 double
#define S_I32 int
#define S_U32 uint
#define S_I64 int64_t
#define S_U64 uint64_t
#define S_I8 int8_t
#define S_U8 uint8_t
#define S_I16 int16_t
#define S_U16 uint16_t
#define LD_F(b, i) float(b[i])
#define LD_H(b, i) float(b[i])
#define ST_F32(b, i, v) b[i] = (v)
#define ST_F16(b, i, v) b[i] = float16_t(v)
#define ST_F64(b, i, v) b[i] = double(v)
#define LD_I(b, i) int(b[i])
#define LD_I64(b, i) int64_t(b[i])
#define LD_RAW(b, i) b[i]
#define ST_RAW(b, i, v) b[i] = (v)
#define ST_I32(b, i, v) b[i] = int(v)
#define ST_U32(b, i, v) b[i] = uint(v)
#define ST_I64(b, i, v) b[i] = int64_t(v)
#define ST_U64(b, i, v) b[i] = uint64_t(v)
#define ST_I8(b, i, v) b[i] = int8_t(v)
#define ST_U8(b, i, v) b[i] = uint8_t(v)
