// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/numbers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "core/base/error.h"

namespace hrt {
namespace {

bool is_complex(hrt_dtype dtype) { return dtype == HRT_COMPLEX64 || dtype == HRT_COMPLEX128; }

// Calls f with a pointer to the elements in their C++ type; complex ones as pairs of floats.
template <class F>
void with_pointer(const Tensor& tensor, F&& f) {
  switch (tensor.dtype()) {
    case HRT_FLOAT32:
    case HRT_COMPLEX64: return f(tensor.data_as<float>());
    case HRT_FLOAT64:
    case HRT_COMPLEX128: return f(tensor.data_as<double>());
    case HRT_FLOAT16: return f(tensor.data_as<float16>());
    case HRT_BFLOAT16: return f(tensor.data_as<bfloat16>());
    case HRT_INT8: return f(tensor.data_as<int8_t>());
    case HRT_UINT8: return f(tensor.data_as<uint8_t>());
    case HRT_INT16: return f(tensor.data_as<int16_t>());
    case HRT_UINT16: return f(tensor.data_as<uint16_t>());
    case HRT_INT32: return f(tensor.data_as<int32_t>());
    case HRT_UINT32: return f(tensor.data_as<uint32_t>());
    case HRT_INT64: return f(tensor.data_as<int64_t>());
    case HRT_UINT64: return f(tensor.data_as<uint64_t>());
    case HRT_FLOAT8E4M3FN: return f(tensor.data_as<float8e4m3fn>());
    case HRT_FLOAT8E4M3FNUZ: return f(tensor.data_as<float8e4m3fnuz>());
    case HRT_FLOAT8E5M2: return f(tensor.data_as<float8e5m2>());
    case HRT_FLOAT8E5M2FNUZ: return f(tensor.data_as<float8e5m2fnuz>());
    case HRT_FLOAT8E8M0: return f(tensor.data_as<float8e8m0>());
    default: fail(HRT_ERROR_UNSUPPORTED, "elements of type {} are no numbers", dtype_name(tensor.dtype()));
  }
}

double saturate(double value, double low, double high) {
  return std::isnan(value) ? 0 : std::clamp(std::nearbyint(value), low, high);
}

template <class T>
T narrow(double value) {
  if constexpr (std::is_integral_v<T>) {
    // The largest 64-bit integers are no doubles: the comparison must come before the conversion.
    if (value >= double(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
    return T(saturate(value, double(std::numeric_limits<T>::min()), double(std::numeric_limits<T>::max())));
  } else if constexpr (std::is_same_v<T, float8e8m0>) {
    T result;
    result.bits = value > 0 ? uint8_t(saturate(std::log2(value) + 127, 0, 254)) : 0;
    return result;
  } else if constexpr (std::is_floating_point_v<T>) {
    return T(value);
  } else {
    return T(float(value));
  }
}

// Types of which several share a byte, first element in the low bits.
double read_packed(const Tensor& tensor, uint64_t i) {
  const unsigned bits = dtype_bits(tensor.dtype());
  const unsigned per_byte = 8 / bits;
  const unsigned raw =
      unsigned(tensor.data_as<uint8_t>()[i / per_byte]) >> (i % per_byte * bits) & ((1u << bits) - 1);
  switch (tensor.dtype()) {
    case HRT_INT4:
    case HRT_INT2: return raw >> (bits - 1) ? double(raw) - double(1u << bits) : double(raw);
    case HRT_FLOAT4E2M1: return float4e2m1::to(uint8_t(raw));
    default: return raw;
  }
}

void write_packed(const Tensor& tensor, uint64_t i, double value) {
  const unsigned bits = dtype_bits(tensor.dtype());
  const unsigned per_byte = 8 / bits;
  const unsigned mask = (1u << bits) - 1;
  const double half = double(1u << (bits - 1));
  unsigned raw = 0;
  switch (tensor.dtype()) {
    case HRT_INT4:
    case HRT_INT2: raw = unsigned(int(saturate(value, -half, half - 1))); break;
    case HRT_FLOAT4E2M1: raw = float4e2m1(float(value)).bits; break;
    default: raw = unsigned(saturate(value, 0, mask));
  }
  uint8_t& byte = tensor.data_as<uint8_t>()[i / per_byte];
  const auto shift = unsigned(i % per_byte * bits);
  byte = uint8_t((byte & ~(mask << shift)) | (raw & mask) << shift);
}

bool is_packed(hrt_dtype dtype) {
  const unsigned bits = dtype_bits(dtype);
  return bits > 0 && bits < 8;
}

}  // namespace

uint64_t number_count(const Tensor& tensor) { return tensor.size() * (is_complex(tensor.dtype()) ? 2 : 1); }

void read_numbers(const Tensor& tensor, uint64_t first, std::span<double> out) {
  if (is_packed(tensor.dtype())) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = read_packed(tensor, first + i);
  } else if (tensor.dtype() == HRT_BOOL) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = tensor.data_as<uint8_t>()[first + i] != 0;
  } else {
    with_pointer(tensor, [&](const auto* p) {
      for (size_t i = 0; i < out.size(); ++i) out[i] = double(p[first + i]);
    });
  }
}

void write_numbers(const Tensor& tensor, uint64_t first, std::span<const double> in) {
  if (is_packed(tensor.dtype())) {
    for (size_t i = 0; i < in.size(); ++i) write_packed(tensor, first + i, in[i]);
  } else if (tensor.dtype() == HRT_BOOL) {
    for (size_t i = 0; i < in.size(); ++i) tensor.data_as<uint8_t>()[first + i] = in[i] != 0;
  } else {
    with_pointer(tensor, [&]<class T>(T* p) {
      for (size_t i = 0; i < in.size(); ++i) p[first + i] = narrow<T>(in[i]);
    });
  }
}

}  // namespace hrt
