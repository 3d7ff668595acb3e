// SPDX-License-Identifier: Apache-2.0
#include "tensor.hpp"

#include <charconv>
#include <cstring>
#include <limits>
#include <numeric>

#include "type.hpp"

namespace hrt::importer {

using namespace sdk;

namespace {

// A few bytes of indices can ask for any amount of zeros.
constexpr uint64_t kMaxSparseBytes = uint64_t(1) << 30;

struct Shape {
  hrt_dtype dtype;
  Dims dims;
  int64_t count;   // elements
  uint64_t bytes;  // packed; 0 for strings
};

template <class Repeated>
Dims checked_dims(const Repeated& repeated) {
  if (repeated.size() > HRT_MAX_RANK)
    unsupported("rank ", repeated.size(), " is above the limit of ", HRT_MAX_RANK);
  Dims dims(repeated.begin(), repeated.end());
  // A zero may stand behind numbers whose product overflows.
  int64_t n = 1;
  for (int64_t d : dims) {
    require(d >= 0, "dimension ", d, " is negative");
    require(!__builtin_mul_overflow(n, std::max<int64_t>(d, 1), &n), "shape ", dims,
            " has too many elements");
  }
  return dims;
}

uint64_t packed_bytes(hrt_dtype dtype, int64_t count) {
  uint64_t bits = 0;
  require(!__builtin_mul_overflow(uint64_t(count), uint64_t(dtype_bits(dtype)), &bits) && bits + 7 > bits,
          count, " elements of ", dtype_name(dtype), " are too many");
  return (bits + 7) / 8;
}

Shape shape_of(const onnx::TensorProto& t) {
  Shape s{checked_dtype(t.data_type()), checked_dims(t.dims()), 0, 0};
  if (t.has_segment()) unsupported("tensors in segments are not supported");
  s.count = element_count(s.dims);
  s.bytes = packed_bytes(s.dtype, s.count);
  return s;
}

// Holds what was moved out of a message, or made; the deleter of the element type is all that is kept.
template <class T>
std::pair<const T*, Owner> keep(T value) {
  auto p = std::make_shared<T>(std::move(value));
  return {p.get(), p};
}

std::shared_ptr<uint8_t[]> new_bytes(uint64_t bytes) { return std::make_shared<uint8_t[]>(bytes); }

Dense dense(const Shape& s, const void* data, Owner owner) {
  return {s.dtype, s.dims, data, size_t(s.bytes), std::move(owner)};
}

size_t alignment(hrt_dtype dtype) {
  if (dtype == HRT_COMPLEX64 || dtype == HRT_COMPLEX128) return dtype_bits(dtype) / 16;
  return std::max<size_t>(1, dtype_bits(dtype) / 8);
}

// Kernels read bool as C++ does: anything but 0 and 1 is undefined.
bool has_odd_bools(const Dense& d) {
  const auto* p = static_cast<const uint8_t*>(d.data);
  uint8_t any = 0;
  for (size_t i = 0; d.dtype == HRT_BOOL && i < d.bytes; ++i) any |= p[i];
  return any > 1;
}

Dense aligned(Dense d) {
  const bool odd = has_odd_bools(d);
  if (!odd && reinterpret_cast<uintptr_t>(d.data) % alignment(d.dtype) == 0) return d;
  auto copy = new_bytes(d.bytes);
  std::memcpy(copy.get(), d.data, d.bytes);
  for (size_t i = 0; odd && i < d.bytes; ++i) copy[i] = copy[i] != 0;
  d.data = copy.get();
  d.owner = std::move(copy);
  return d;
}

Dense from_raw(const Shape& s, onnx::TensorProto& t, const Owner& owner) {
  require(t.raw_data().size() == s.bytes, "raw_data has ", t.raw_data().size(), " bytes, ",
          dtype_name(s.dtype), " of shape ", s.dims, " needs ", s.bytes);
  if (owner) return aligned(dense(s, t.raw_data().data(), owner));
  auto [text, kept] = keep(std::move(*t.mutable_raw_data()));
  return aligned(dense(s, text->data(), kept));
}

// Elements that the message holds in their own type.
template <class T>
Dense from_field(const Shape& s, google::protobuf::RepeatedField<T>& field, const Owner& owner) {
  require(uint64_t(field.size()) * sizeof(T) == s.bytes, "the tensor has ", field.size() * sizeof(T),
          " bytes of values, ", dtype_name(s.dtype), " of shape ", s.dims, " needs ", s.bytes);
  if (owner) return dense(s, field.data(), owner);
  auto [values, kept] = keep(std::move(field));
  return dense(s, values->data(), kept);
}

// Elements that the message holds in a wider type: To at least must represent Low ... High.
template <class To, class From>
Dense narrowed(const Shape& s, const google::protobuf::RepeatedField<From>& field,
               int64_t low = std::numeric_limits<To>::min()) {
  constexpr int64_t high = std::numeric_limits<To>::max();
  require(uint64_t(field.size()) * sizeof(To) == s.bytes, "the tensor has ", field.size(), " values, ",
          dtype_name(s.dtype), " of shape ", s.dims, " needs ", s.bytes / sizeof(To));
  auto bytes = new_bytes(s.bytes);
  To* out = reinterpret_cast<To*>(bytes.get());
  for (From v : field) {
    require(std::in_range<int64_t>(v) && int64_t(v) >= low && int64_t(v) <= high, "value ", v,
            " does not fit ", dtype_name(s.dtype));
    *out++ = static_cast<To>(v);
  }
  return dense(s, bytes.get(), bytes);
}

Dense from_strings(const Shape& s, onnx::TensorProto& t, const Owner& owner) {
  require(t.string_data_size() == s.count, "the tensor has ", t.string_data_size(), " strings, shape ",
          s.dims, " needs ", s.count);
  struct Kept {
    google::protobuf::RepeatedPtrField<std::string> moved;
    std::vector<hrt_str> views;
    Owner owner;
  };
  auto kept = std::make_shared<Kept>();
  kept->owner = owner;
  if (!owner) kept->moved = std::move(*t.mutable_string_data());
  for (const std::string& v : owner ? t.string_data() : kept->moved)
    kept->views.push_back({v.data(), v.size()});
  const void* data = kept->views.data();
  return {s.dtype, s.dims, data, kept->views.size() * sizeof(hrt_str), kept};
}

// Types whose int32_data holds bit patterns, which writers sign-extend or not.
Dense from_patterns(const Shape& s, const onnx::TensorProto& t) {
  if (dtype_bits(s.dtype) == 16) return narrowed<uint16_t>(s, t.int32_data(), INT16_MIN);
  return narrowed<uint8_t>(s, t.int32_data(), INT8_MIN);
}

Dense from_fields(const Shape& s, onnx::TensorProto& t, const Owner& owner) {
  switch (s.dtype) {
    case HRT_FLOAT32:
    case HRT_COMPLEX64: return from_field(s, *t.mutable_float_data(), owner);
    case HRT_FLOAT64:
    case HRT_COMPLEX128: return from_field(s, *t.mutable_double_data(), owner);
    case HRT_INT64: return from_field(s, *t.mutable_int64_data(), owner);
    case HRT_INT32: return from_field(s, *t.mutable_int32_data(), owner);
    case HRT_UINT64: return from_field(s, *t.mutable_uint64_data(), owner);
    case HRT_UINT32: return narrowed<uint32_t>(s, t.uint64_data());
    case HRT_INT16: return narrowed<int16_t>(s, t.int32_data());
    case HRT_UINT16: return narrowed<uint16_t>(s, t.int32_data());
    case HRT_INT8: return narrowed<int8_t>(s, t.int32_data());
    case HRT_UINT8: return narrowed<uint8_t>(s, t.int32_data());
    case HRT_BOOL: return aligned(narrowed<uint8_t>(s, t.int32_data()));
    default: return from_patterns(s, t);
  }
}

uint64_t parse_uint(const std::string& text, const char* what) {
  uint64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  require(error == std::errc() && end == text.data() + text.size(), "external data: ", what, " '", text,
          "' is not a number");
  return v;
}

// The place of entry i of a sparse tensor: a linear index, or one index per dimension.
int64_t linear_index(const Dense& indices, size_t i, const Dims& dims) {
  const auto* p = static_cast<const int64_t*>(indices.data);
  if (indices.dims.size() == 1) return p[i];
  int64_t at = 0;
  for (size_t k = 0; k < dims.size(); ++k) {
    const int64_t index = p[i * dims.size() + k];
    require(index >= 0 && index < dims[k], "sparse index ", index, " is outside of dimension ", k, " of ",
            dims);
    at = at * dims[k] + index;
  }
  return at;
}

}  // namespace

hrt_tensor Dense::c() const {
  auto t = sized<hrt_tensor>();
  t.dtype = dtype;
  t.rank = int32_t(dims.size());
  t.dims = dims.data();
  t.data = const_cast<void*>(data);
  t.bytes = bytes;
  return t;
}

Dense decode(onnx::TensorProto& t, const Owner& owner) {
  require(!is_external(t), "external data cannot be used here");
  const Shape s = shape_of(t);
  if (s.dtype == HRT_STRING) {
    require(t.raw_data().empty(), "strings cannot be in raw_data");
    return from_strings(s, t, owner);
  }
  // Some writers set an empty raw_data beside the typed values.
  if (t.has_raw_data() && (s.count == 0 || !t.raw_data().empty())) return from_raw(s, t, owner);
  return from_fields(s, t, owner);
}

Dense decode(onnx::SparseTensorProto& sparse) {
  const Dense values = decode(*sparse.mutable_values(), {});
  const Dense indices = decode(*sparse.mutable_indices(), {});
  const unsigned bits = dtype_bits(values.dtype);
  if (bits < 8) unsupported("sparse tensors of ", dtype_name(values.dtype), " are not supported");
  Shape s{values.dtype, checked_dims(sparse.dims()), 0, 0};
  s.count = element_count(s.dims);
  s.bytes = packed_bytes(s.dtype, s.count);
  if (s.bytes > kMaxSparseBytes)
    unsupported("a sparse tensor of shape ", s.dims, " is too large to be made dense");
  require(values.dims.size() == 1, "values of a sparse tensor are a list, not ", values.dims);
  const Dims flat = {values.dims[0]};
  const Dims coordinates = {values.dims[0], int64_t(s.dims.size())};
  require(indices.dtype == HRT_INT64 && (indices.dims == flat || indices.dims == coordinates),
          "indices of a sparse tensor are int64 of shape ", flat, " or ", coordinates, ", not ",
          dtype_name(indices.dtype), " of shape ", indices.dims);
  auto bytes = new_bytes(s.bytes);
  const size_t width = bits / 8;
  for (size_t i = 0; i < size_t(flat[0]); ++i) {
    const int64_t at = linear_index(indices, i, s.dims);
    require(at >= 0 && at < s.count, "sparse index ", at, " is outside of shape ", s.dims);
    std::memcpy(bytes.get() + size_t(at) * width, static_cast<const uint8_t*>(values.data) + i * width,
                width);
  }
  return dense(s, bytes.get(), bytes);
}

bool is_external(const onnx::TensorProto& t) { return t.data_location() == onnx::TensorProto::EXTERNAL; }

External external(const onnx::TensorProto& t) {
  const Shape s = shape_of(t);
  require(s.dtype != HRT_STRING, "strings cannot be external data");
  External e{s.dtype, s.dims, {}, 0, s.bytes};
  for (const auto& entry : t.external_data()) {
    if (entry.key() == "location") e.location = checked_name(entry.value(), "file of external data");
    if (entry.key() == "offset") e.offset = parse_uint(entry.value(), "offset");
    if (entry.key() == "length") e.bytes = parse_uint(entry.value(), "length");
  }
  require(!e.location.empty(), "external data without a location");
  require(e.bytes == s.bytes, "external data '", e.location, "' gives ", e.bytes, " bytes, ",
          dtype_name(s.dtype), " of shape ", s.dims, " needs ", s.bytes);
  return e;
}

}  // namespace hrt::importer
