// SPDX-License-Identifier: Apache-2.0
#include "core/tensor/type.h"

#include <algorithm>

#include "core/base/checked.h"

namespace hrt {

bool all_numbers(std::span<const int64_t> dims) { return std::all_of(dims.begin(), dims.end(), is_number); }

uint64_t element_count(std::span<const int64_t> dims) {
  uint64_t n = 1;
  for (const int64_t d : dims) {
    if (d < 0) fail(HRT_ERROR_BAD_DATA, "shape {} has a negative or unknown dimension", dims_to_string(dims));
    n = checked_mul(n, uint64_t(d));
  }
  return n;
}

uint64_t tensor_bytes(hrt_dtype dtype, std::span<const int64_t> dims) {
  const uint64_t n = element_count(dims);
  if (dtype == HRT_STRING) return checked_mul(n, uint64_t(sizeof(hrt_str)));
  const unsigned bits = dtype_bits(dtype);
  if (bits == 0) fail(HRT_ERROR_BAD_DATA, "a tensor without element type has no size");
  return bits >= 8 ? checked_mul(n, uint64_t(bits / 8))
                   : checked_add(checked_mul(n, uint64_t(bits)), uint64_t(7)) / 8;
}

Type Type::make(hrt_kind kind, hrt_dtype dtype, int32_t rank, Dims dims, std::vector<Type> element) {
  auto rep = std::make_shared<Rep>();
  rep->dims = std::move(dims);
  rep->element = std::move(element);
  rep->c.struct_size = sizeof(hrt_type);
  rep->c.kind = kind;
  rep->c.dtype = dtype;
  rep->c.rank = rank;
  rep->c.dims = rep->dims.data();
  rep->c.element = rep->element.empty() ? nullptr : &rep->element.front().c();
  return Type(std::move(rep));
}

Type::Type() {
  static const Type nothing = make(HRT_KIND_TENSOR, HRT_UNDEFINED, -1, {}, {});
  rep_ = nothing.rep_;
}
Type Type::tensor(hrt_dtype dtype) { return make(HRT_KIND_TENSOR, dtype, -1, {}, {}); }
Type Type::tensor(hrt_dtype dtype, Dims dims) {
  const auto rank = int32_t(dims.size());
  return make(HRT_KIND_TENSOR, dtype, rank, std::move(dims), {});
}
Type Type::sequence(Type element) {
  return make(HRT_KIND_SEQUENCE, HRT_UNDEFINED, -1, {}, {std::move(element)});
}
Type Type::optional(Type element) {
  return make(HRT_KIND_OPTIONAL, HRT_UNDEFINED, -1, {}, {std::move(element)});
}
Type Type::map(hrt_dtype key, Type value) { return make(HRT_KIND_MAP, key, -1, {}, {std::move(value)}); }

namespace {
Type from_c_at(const hrt_type& t, int depth) {
  if (depth > 8) fail(HRT_ERROR_BAD_DATA, "type is nested too deeply");
  if (t.kind != HRT_KIND_TENSOR) {
    if (!t.element) fail(HRT_ERROR_BAD_DATA, "a sequence, optional or map type lacks its element type");
    Type element = from_c_at(*t.element, depth + 1);
    switch (t.kind) {
      case HRT_KIND_SEQUENCE: return Type::sequence(std::move(element));
      case HRT_KIND_OPTIONAL: return Type::optional(std::move(element));
      case HRT_KIND_MAP: return Type::map(t.dtype, std::move(element));
      default: fail(HRT_ERROR_BAD_DATA, "unknown kind of type {}", t.kind);
    }
  }
  if (t.dtype < 0 || t.dtype >= HRT_DTYPE_COUNT) fail(HRT_ERROR_BAD_DATA, "unknown element type {}", t.dtype);
  if (t.rank < 0) return Type::tensor(t.dtype);
  if (t.rank > HRT_MAX_RANK)
    fail(HRT_ERROR_BAD_DATA, "rank {} is over the limit of {}", t.rank, HRT_MAX_RANK);
  Dims dims(t.dims, t.dims + t.rank);
  for (const int64_t d : dims)
    if (is_number(d) && d < 0) fail(HRT_ERROR_BAD_DATA, "dimension {} is negative", d);
  return Type::tensor(t.dtype, std::move(dims));
}
}  // namespace

Type Type::from_c(const hrt_type& type) { return from_c_at(type, 0); }

bool Type::operator==(const Type& other) const {
  if (rep_ == other.rep_) return true;
  return kind() == other.kind() && dtype() == other.dtype() && rep_->c.rank == other.rep_->c.rank &&
         rep_->dims == other.rep_->dims && rep_->element == other.rep_->element;
}

namespace {

enum class Rule { kMerge, kJoin };

int64_t combine_dim(int64_t a, int64_t b, Rule rule, const Type& x, const Type& y) {
  if (a == b) return a;
  if (rule == Rule::kJoin) return HRT_DIM_UNKNOWN;
  if (is_number(a) && is_number(b))
    fail(HRT_ERROR_BAD_DATA, "shapes {} and {} contradict each other", to_string(x), to_string(y));
  if (is_number(a) || b == HRT_DIM_UNKNOWN) return a;
  if (is_number(b) || a == HRT_DIM_UNKNOWN) return b;
  return a;
}

Type combine(const Type& a, const Type& b, Rule rule) {
  if (a == b) return a;
  if (a.kind() != b.kind()) {
    // A value of which nothing is known may turn out to be anything.
    if (a == Type()) return b;
    if (b == Type()) return a;
    fail(HRT_ERROR_BAD_DATA, "types {} and {} contradict each other", to_string(a), to_string(b));
  }
  if (!a.is_tensor()) {
    Type element = combine(a.element(), b.element(), rule);
    if (a.kind() == HRT_KIND_SEQUENCE) return Type::sequence(std::move(element));
    if (a.kind() == HRT_KIND_OPTIONAL) return Type::optional(std::move(element));
    if (a.dtype() != b.dtype())
      fail(HRT_ERROR_BAD_DATA, "keys of {} and {} differ", to_string(a), to_string(b));
    return Type::map(a.dtype(), std::move(element));
  }
  if (a.dtype() != b.dtype() && a.dtype() != HRT_UNDEFINED && b.dtype() != HRT_UNDEFINED)
    fail(HRT_ERROR_BAD_DATA, "element types of {} and {} differ", to_string(a), to_string(b));
  const hrt_dtype dtype = a.dtype() != HRT_UNDEFINED ? a.dtype() : b.dtype();
  if (!a.ranked() || !b.ranked()) {
    const Type& known = a.ranked() ? a : b;
    if (rule == Rule::kJoin || !known.ranked()) return Type::tensor(dtype);
    return Type::tensor(dtype, Dims(known.dims().begin(), known.dims().end()));
  }
  if (a.dims().size() != b.dims().size()) {
    if (rule == Rule::kJoin) return Type::tensor(dtype);
    fail(HRT_ERROR_BAD_DATA, "shapes {} and {} contradict each other", to_string(a), to_string(b));
  }
  Dims dims(a.dims().size());
  for (size_t i = 0; i < dims.size(); ++i) dims[i] = combine_dim(a.dims()[i], b.dims()[i], rule, a, b);
  return Type::tensor(dtype, std::move(dims));
}

}  // namespace

Type merge(const Type& a, const Type& b) { return combine(a, b, Rule::kMerge); }
Type join(const Type& a, const Type& b) { return combine(a, b, Rule::kJoin); }

std::string to_string(const Type& type) {
  switch (type.kind()) {
    case HRT_KIND_SEQUENCE: return "seq(" + to_string(type.element()) + ")";
    case HRT_KIND_OPTIONAL: return "optional(" + to_string(type.element()) + ")";
    case HRT_KIND_MAP: return fmt::format("map({}, {})", dtype_name(type.dtype()), to_string(type.element()));
    default: break;
  }
  std::string s = dtype_name(type.dtype());
  if (!type.ranked()) return s + "[...]";
  s += '[';
  for (size_t i = 0; i < type.dims().size(); ++i) {
    if (i) s += ',';
    const int64_t d = type.dims()[i];
    s += is_number(d)           ? std::to_string(d)
         : d == HRT_DIM_UNKNOWN ? "?"
                                : fmt::format("s{}", d - HRT_DIM_UNKNOWN);
  }
  return s + ']';
}

std::string dims_to_string(std::span<const int64_t> dims) {
  if (dims.empty()) return "scalar";
  std::string s;
  for (const int64_t d : dims) {
    if (!s.empty()) s += 'x';
    s += is_number(d) ? std::to_string(d) : "?";
  }
  return s;
}

}  // namespace hrt
