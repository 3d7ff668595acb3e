// SPDX-License-Identifier: Apache-2.0
// What an operator file is made of: a schema as data, an inference function, a reference kernel and one
// `const Register` that adds it to the library. relu.cpp is the shortest complete example.
//
// Reference kernels are the oracle for every backend: the plainest loop that is right, computed in a
// type at least as wide as the elements (acc_t), row-major, on one thread.
#pragma once

#include <vector>

#include <hrt/plugin.hpp>

namespace hrt::ops {

using namespace hrt::sdk;

// --------------------------------------------------------------------------------------- schema

struct Param {
  const char* name;
  const char* type;
  uint32_t flags = 0;  // HRT_PARAM_*
};
struct AttrSpec {
  const char* name;
  hrt_attr_type type;
  const char* default_text = "";
  bool required = false;
};
struct Types {  // a type constraint; masks of HRT_DTYPE_BIT
  const char* name;
  uint64_t tensor = 0;
  uint64_t sequence = 0;
  uint64_t optional = 0;
};

struct Op {
  const char* domain = "";
  const char* name;
  int64_t since;
  const char* doc;
  std::vector<Param> inputs = {};
  std::vector<Param> outputs = {};
  std::vector<AttrSpec> attrs = {};
  std::vector<Types> types = {};
  std::vector<hrt_op_inplace> inplace = {};  // {input, output}
  uint32_t flags = 0;                        // HRT_OP_*
  void (*infer)(const Infer&) = nullptr;
  void (*compute)(const Kernel&) = nullptr;
};

// Adds an operator to the library; one per operator, at namespace scope.
class Register {
 public:
  explicit Register(Op op);
};

// Sets of element types.
constexpr uint64_t bits() { return 0; }
template <class... T>
constexpr uint64_t bits(hrt_dtype t, T... rest) {
  return HRT_DTYPE_BIT(t) | bits(rest...);
}
constexpr uint64_t kFloat = bits(HRT_FLOAT32, HRT_FLOAT64, HRT_FLOAT16, HRT_BFLOAT16);
constexpr uint64_t kSigned = bits(HRT_INT8, HRT_INT16, HRT_INT32, HRT_INT64);
constexpr uint64_t kUnsigned = bits(HRT_UINT8, HRT_UINT16, HRT_UINT32, HRT_UINT64);
constexpr uint64_t kInteger = kSigned | kUnsigned;
constexpr uint64_t kNumber = kFloat | kInteger;
constexpr uint64_t kBool = bits(HRT_BOOL);
constexpr uint64_t kString = bits(HRT_STRING);
constexpr uint64_t kComplex = bits(HRT_COMPLEX64, HRT_COMPLEX128);
constexpr uint64_t kFloat8 =
    bits(HRT_FLOAT8E4M3FN, HRT_FLOAT8E4M3FNUZ, HRT_FLOAT8E5M2, HRT_FLOAT8E5M2FNUZ, HRT_FLOAT8E8M0);
constexpr uint64_t kSmall = bits(HRT_UINT4, HRT_INT4, HRT_FLOAT4E2M1, HRT_UINT2, HRT_INT2);
constexpr uint64_t kAny = kNumber | kBool | kString | kComplex | kFloat8 | kSmall;
constexpr uint64_t kIndex = bits(HRT_INT32, HRT_INT64);

// ------------------------------------------------------------------------- element type dispatch

template <class... T>
struct TypeList {};
using Floats = TypeList<float, double, float16, bfloat16>;
using Integers = TypeList<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>;
using Numbers = TypeList<float, double, float16, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t,
                         uint16_t, uint32_t, uint64_t>;
using Indices = TypeList<int32_t, int64_t>;
using Widths = TypeList<uint8_t, uint16_t, uint32_t, uint64_t, std::complex<double>>;  // for moving bits

// Calls f.template operator()<T>() for the T in the list whose dtype this is.
template <class... T, class F>
void dispatch(TypeList<T...>, hrt_dtype dtype, F&& f) {
  const bool found = ((dtype_of<T> == dtype ? (f.template operator()<T>(), true) : false) || ...);
  if (!found) unsupported("no reference kernel for element type ", dtype_name(dtype));
}

// The same by width, for kernels that only move elements; strings and packed types are not for this.
template <class F>
void dispatch_width(hrt_dtype dtype, F&& f) {
  switch (dtype_bits(dtype)) {
    case 8: return f.template operator()<uint8_t>();
    case 16: return f.template operator()<uint16_t>();
    case 32: return f.template operator()<uint32_t>();
    case 64: return f.template operator()<uint64_t>();
    case 128: return f.template operator()<std::complex<double>>();
    default: unsupported("no reference kernel for element type ", dtype_name(dtype));
  }
}

// The type to compute in.
template <class T>
struct Acc {
  using type = T;
};
template <>
struct Acc<float16> {
  using type = float;
};
template <>
struct Acc<bfloat16> {
  using type = float;
};
template <class T>
using acc_t = typename Acc<T>::type;

// ----------------------------------------------------------------------- shapes and inference

// Negative axes count from the end; anything else outside [-rank, rank) is an error.
int64_t normalise_axis(int64_t axis, int64_t rank);
Dims normalise_axes(Dims axes, int64_t rank);  // and no axis twice

// Row-major strides in elements.
Dims strides_of(std::span<const int64_t> dims);

// The shape that numpy broadcasting gives; throws when numbers disagree.
Dims broadcast(std::span<const int64_t> a, std::span<const int64_t> b);
// The same where dims may be symbols or unknown.
Dims broadcast(const Infer& c, const Dims& a, const Dims& b);

// Strides with which a tensor of shape `dims` is read when it is broadcast to `to`: 0 where repeated.
Dims broadcast_strides(std::span<const int64_t> dims, std::span<const int64_t> to);

// Counts through a shape in row-major order, keeping the offsets of any number of strided tensors.
class Counter {
 public:
  Counter(std::span<const int64_t> dims, std::vector<Dims> strides)
      : dims_(dims.begin(), dims.end()),
        index_(dims.size(), 0),
        strides_(std::move(strides)),
        offsets_(strides_.size(), 0) {}
  int64_t offset(size_t tensor) const { return offsets_[tensor]; }
  const Dims& index() const { return index_; }
  void next() {
    for (size_t axis = dims_.size(); axis-- > 0;) {
      for (size_t t = 0; t < strides_.size(); ++t) offsets_[t] += strides_[t][axis];
      if (++index_[axis] < dims_[axis]) return;
      for (size_t t = 0; t < strides_.size(); ++t) offsets_[t] -= strides_[t][axis] * dims_[axis];
      index_[axis] = 0;
    }
  }

 private:
  Dims dims_;
  Dims index_;
  std::vector<Dims> strides_;
  std::vector<int64_t> offsets_;
};

// Ready-made inference functions.
void infer_same(const Infer& c);       // output 0 has the type of input 0
void infer_broadcast(const Infer& c);  // element type of input 0, shape of all inputs broadcast
void infer_compare(const Infer& c);    // the same, boolean

}  // namespace hrt::ops
