// SPDX-License-Identifier: Apache-2.0
// Single elements of tensors of every type, the packed 4- and 2-bit ones and strings included: moving
// them about, and reading and writing them as numbers. For kernels that take any type; those that
// compute in a few types use dispatch.
#pragma once

#include <algorithm>

#include "op.h"

namespace hrt::ops {

// How element i of a type lies in memory. value is what get returns and set takes.
template <class T>
struct Whole {
  using value = T;
  static T get(const void* p, int64_t i) { return static_cast<const T*>(p)[i]; }
  static void set(void* p, int64_t i, T v) { static_cast<T*>(p)[i] = v; }
};
template <unsigned Bits>
struct Packed {  // the bits themselves; first element in the low bits of a byte
  static constexpr unsigned kPerByte = 8 / Bits, kMask = (1u << Bits) - 1;
  static unsigned get(const void* p, int64_t i) {
    return static_cast<const uint8_t*>(p)[i / kPerByte] >> (i % kPerByte * Bits) & kMask;
  }
  static void set(void* p, int64_t i, unsigned bits) {
    uint8_t& byte = static_cast<uint8_t*>(p)[i / kPerByte];
    const unsigned shift = unsigned(i % kPerByte * Bits);
    byte = uint8_t((byte & ~(kMask << shift)) | (bits & kMask) << shift);
  }
};
template <unsigned Bits, bool Signed>
struct PackedInt {
  using value = int64_t;
  static int64_t get(const void* p, int64_t i) {
    const int64_t bits = Packed<Bits>::get(p, i);
    return Signed && bits >> (Bits - 1) ? bits - (1 << Bits) : bits;
  }
  static void set(void* p, int64_t i, int64_t v) { Packed<Bits>::set(p, i, unsigned(v)); }
};
struct PackedFloat4 {
  using value = float4e2m1;
  static float4e2m1 get(const void* p, int64_t i) {
    float4e2m1 v;
    v.bits = uint8_t(Packed<4>::get(p, i));
    return v;
  }
  static void set(void* p, int64_t i, float4e2m1 v) { Packed<4>::set(p, i, v.bits); }
};

// Calls f.template operator()<Layout>() for a numeric or boolean type, with one of the layouts above.
template <class F>
void dispatch_layout(hrt_dtype dtype, F&& f) {
  switch (dtype) {
    case HRT_FLOAT32: return f.template operator()<Whole<float>>();
    case HRT_FLOAT64: return f.template operator()<Whole<double>>();
    case HRT_FLOAT16: return f.template operator()<Whole<float16>>();
    case HRT_BFLOAT16: return f.template operator()<Whole<bfloat16>>();
    case HRT_INT8: return f.template operator()<Whole<int8_t>>();
    case HRT_INT16: return f.template operator()<Whole<int16_t>>();
    case HRT_INT32: return f.template operator()<Whole<int32_t>>();
    case HRT_INT64: return f.template operator()<Whole<int64_t>>();
    case HRT_UINT8: return f.template operator()<Whole<uint8_t>>();
    case HRT_UINT16: return f.template operator()<Whole<uint16_t>>();
    case HRT_UINT32: return f.template operator()<Whole<uint32_t>>();
    case HRT_UINT64: return f.template operator()<Whole<uint64_t>>();
    case HRT_BOOL: return f.template operator()<Whole<bool>>();
    case HRT_FLOAT8E4M3FN: return f.template operator()<Whole<float8e4m3fn>>();
    case HRT_FLOAT8E4M3FNUZ: return f.template operator()<Whole<float8e4m3fnuz>>();
    case HRT_FLOAT8E5M2: return f.template operator()<Whole<float8e5m2>>();
    case HRT_FLOAT8E5M2FNUZ: return f.template operator()<Whole<float8e5m2fnuz>>();
    case HRT_FLOAT8E8M0: return f.template operator()<Whole<float8e8m0>>();
    case HRT_FLOAT4E2M1: return f.template operator()<PackedFloat4>();
    case HRT_UINT4: return f.template operator()<PackedInt<4, false>>();
    case HRT_INT4: return f.template operator()<PackedInt<4, true>>();
    case HRT_UINT2: return f.template operator()<PackedInt<2, false>>();
    case HRT_INT2: return f.template operator()<PackedInt<2, true>>();
    default: unsupported("no reference kernel for element type ", dtype_name(dtype));
  }
}

// Numeric conversion as Cast defines it. What the standard leaves open: a float outside an integer
// type's range becomes the nearest 64-bit integer, of which the low bits are kept; NaN becomes 0.
template <class To, class From>
To convert(From v) {
  if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    if (std::isnan(v)) return 0;
    if constexpr (std::is_same_v<To, uint64_t>)
      if (v >= From(0x1p63)) return v >= From(0x1p64) ? UINT64_MAX : uint64_t(v);
    if (v >= From(0x1p63)) return To(INT64_MAX);
    if (v <= From(-0x1p63)) return To(INT64_MIN);
    return To(int64_t(v));
  } else if constexpr (std::is_arithmetic_v<To>) {
    return To(v);
  } else {
    return To(float(v));
  }
}

// Reads elements of a numeric or boolean tensor as double: exact but for large 64-bit integers.
class Reader {
 public:
  explicit Reader(const Tensor& t) : data_(t.raw()) {
    dispatch_layout(t.dtype(),
                    [&]<class L>() { get_ = [](const void* p, int64_t i) { return double(L::get(p, i)); }; });
  }
  double operator()(int64_t i) const { return get_(data_, i); }

 private:
  const void* data_;
  double (*get_)(const void*, int64_t) = nullptr;
};

// Writes elements of a numeric or boolean tensor from double, converting like Cast.
class Writer {
 public:
  explicit Writer(const Tensor& t) : data_(t.raw()) {
    dispatch_layout(t.dtype(), [&]<class L>() {
      if constexpr (!std::is_same_v<typename L::value, float8e8m0>)
        set_ = [](void* p, int64_t i, double v) { L::set(p, i, convert<typename L::value>(v)); };
    });
    if (!set_) unsupported("cannot write numbers as ", dtype_name(t.dtype()));
  }
  void operator()(int64_t i, double v) const { set_(data_, i, v); }

 private:
  void* data_;
  void (*set_)(void*, int64_t, double) = nullptr;
};

// Copies elements between tensors of one type, whatever it is.
class Mover {
 public:
  Mover(const Tensor& to, const Tensor& from) : to_(to), from_(from), bits_(dtype_bits(to.dtype())) {}
  // n elements from element `from` on, to element `to` on.
  void operator()(int64_t to, int64_t from, int64_t n = 1) const {
    if (bits_ >= 8) {
      const int64_t width = bits_ / 8;
      std::memmove(static_cast<char*>(to_.raw()) + to * width,
                   static_cast<const char*>(from_.raw()) + from * width, size_t(n * width));
    } else {
      for (int64_t k = 0; k < n; ++k) small(to + k, from + k);
    }
  }

 private:
  void small(int64_t to, int64_t from) const {
    if (bits_ == 4) return Packed<4>::set(to_.raw(), to, Packed<4>::get(from_.raw(), from));
    if (bits_ == 2) return Packed<2>::set(to_.raw(), to, Packed<2>::get(from_.raw(), from));
    to_.set_string(to, from_.string(from));
  }
  Tensor to_, from_;
  int64_t bits_;  // 0: strings
};

// All elements, in order; nothing to do when the output lies on the input (in place).
inline void copy_all(const Tensor& to, const Tensor& from) {
  if (to.raw() == from.raw() || to.size() == 0) return;
  if (dtype_bits(to.dtype()) > 0)
    std::memcpy(to.raw(), from.raw(), from.bytes());
  else
    Mover(to, from)(0, 0, from.size());
}

// The sole element of a tensor, or fails; what: its name, for the message.
inline double scalar_of(const Tensor& t, const char* what) {
  require(t.size() == 1, what, " must have one element, has shape ", t.dims());
  return Reader(t)(0);
}
inline int64_t int_scalar_of(const Tensor& t, const char* what) {
  require(t.size() == 1, what, " must have one element, has shape ", t.dims());
  return to_int64s(t)[0];
}

}  // namespace hrt::ops
