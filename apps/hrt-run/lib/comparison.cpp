// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/hrt-run/lib/numbers.h"
#include "core/base/error.h"

namespace hrt {
namespace {

// Accumulates over all tensors inside a value.
class Comparer {
 public:
  explicit Comparer(const Tolerance& tolerance) : tolerance_(tolerance) {}

  void values(const ValuePtr& actual, const ValuePtr& expected, const std::string& where);
  void tensors(const Tensor& actual, const Tensor& expected, const std::string& where);
  Comparison finish();

 private:
  void strings(const Tensor& actual, const Tensor& expected, const std::string& where);
  void numbers(const Tensor& actual, const Tensor& expected, const std::string& where);
  // The difference of two elements; infinite when they differ and cannot be subtracted.
  double distance(double actual, double expected);
  void differ(const std::string& where, const std::string& what);

  Tolerance tolerance_;
  Comparison result_;
  double dot_ = 0, actual_square_ = 0, expected_square_ = 0;
};

void Comparer::differ(const std::string& where, const std::string& what) {
  if (result_.difference.empty()) result_.difference = where.empty() ? what : where + ": " + what;
}

std::string position(uint64_t i, const Dims& dims) {
  std::string text;
  for (size_t d = dims.size(); d-- > 0;) {
    text = fmt::format("{}{}{}", i % uint64_t(dims[d]), text.empty() ? "" : ",", text);
    i /= uint64_t(dims[d]);
  }
  return "[" + text + "]";
}

double Comparer::distance(double actual, double expected) {
  if (actual == expected || (std::isnan(actual) && std::isnan(expected))) return 0;
  if (!std::isfinite(actual) || !std::isfinite(expected)) return INFINITY;
  return std::fabs(actual - expected);
}

// 64-bit integers beyond 2^53 that are the same as doubles may still differ.
double integer_distance(const Tensor& a, const Tensor& b, uint64_t i) {
  const uint64_t x = a.data_as<uint64_t>()[i];
  const uint64_t y = b.data_as<uint64_t>()[i];
  const bool less = a.dtype() == HRT_INT64 ? int64_t(x) < int64_t(y) : x < y;
  return double(less ? y - x : x - y);
}

void Comparer::numbers(const Tensor& actual, const Tensor& expected, const std::string& where) {
  constexpr size_t kBlock = 4096;
  std::array<double, kBlock> a, b;
  const bool wide = actual.dtype() == HRT_INT64 || actual.dtype() == HRT_UINT64;
  const uint64_t count = number_count(actual);
  const uint64_t per_element = count / std::max<uint64_t>(actual.size(), 1);
  const double rtol =
      actual.dtype() == HRT_BFLOAT16 ? std::max(tolerance_.rtol, tolerance_.bfloat16_rtol) : tolerance_.rtol;
  uint64_t mismatches = 0;
  uint64_t worst = 0;
  double worst_excess = -1, worst_actual = 0, worst_expected = 0;
  for (uint64_t first = 0; first < count; first += kBlock) {
    const size_t n = std::min<uint64_t>(kBlock, count - first);
    read_numbers(actual, first, {a.data(), n});
    read_numbers(expected, first, {b.data(), n});
    for (size_t i = 0; i < n; ++i) {
      const double d = wide ? integer_distance(actual, expected, first + i) : distance(a[i], b[i]);
      if (std::isfinite(a[i]) && std::isfinite(b[i])) {
        result_.max_abs = std::max(result_.max_abs, d);
        if (b[i] != 0) result_.max_rel = std::max(result_.max_rel, d / std::fabs(b[i]));
        dot_ += a[i] * b[i];
        actual_square_ += a[i] * a[i];
        expected_square_ += b[i] * b[i];
      }
      const double allowed = tolerance_.atol + rtol * std::fabs(b[i]);
      if (d == 0 || (d <= allowed && std::isfinite(d))) continue;
      ++mismatches;
      const double excess = std::isfinite(d) ? d - allowed : INFINITY;
      if (excess > worst_excess) {
        worst_excess = excess;
        worst = (first + i) / per_element;
        worst_actual = a[i];
        worst_expected = b[i];
      }
    }
  }
  result_.elements += actual.size();
  result_.mismatches += mismatches;
  if (mismatches > 0)
    differ(where, fmt::format("{} of {} elements differ, worst at {}: {:.9g} instead of {:.9g}", mismatches,
                              count, position(worst, actual.dims()), worst_actual, worst_expected));
}

void Comparer::strings(const Tensor& actual, const Tensor& expected, const std::string& where) {
  for (uint64_t i = 0; i < actual.size(); ++i) {
    ++result_.elements;
    if (actual.string(i) == expected.string(i)) continue;
    ++result_.mismatches;
    differ(where, fmt::format("at {}: \"{}\" instead of \"{}\"", position(i, actual.dims()), actual.string(i),
                              expected.string(i)));
  }
}

void Comparer::tensors(const Tensor& actual, const Tensor& expected, const std::string& where) {
  if (actual.dtype() != expected.dtype())
    return differ(where, fmt::format("type {} instead of {}", dtype_name(actual.dtype()),
                                     dtype_name(expected.dtype())));
  if (actual.dims() != expected.dims())
    return differ(where, fmt::format("shape {} instead of {}", dims_to_string(actual.dims()),
                                     dims_to_string(expected.dims())));
  if (actual.dtype() == HRT_STRING) return strings(actual, expected, where);
  numbers(actual, expected, where);
}

const char* kind_name(hrt_kind kind) {
  switch (kind) {
    case HRT_KIND_TENSOR: return "a tensor";
    case HRT_KIND_SEQUENCE: return "a sequence";
    case HRT_KIND_OPTIONAL: return "an optional";
    default: return "a map";
  }
}

void Comparer::values(const ValuePtr& actual, const ValuePtr& expected, const std::string& where) {
  const hrt_kind kind = actual->type.kind();
  const hrt_kind wanted = expected->type.kind();
  // An optional that is there is as good as what it holds.
  if (kind == HRT_KIND_OPTIONAL && wanted != HRT_KIND_OPTIONAL && actual->items.size() == 1)
    return values(actual->items[0], expected, where);
  if (wanted == HRT_KIND_OPTIONAL && kind != HRT_KIND_OPTIONAL && expected->items.size() == 1)
    return values(actual, expected->items[0], where);
  if (kind != wanted)
    return differ(where, fmt::format("{} instead of {}", kind_name(kind), kind_name(wanted)));
  if (kind == HRT_KIND_TENSOR) return tensors(actual->tensor, expected->tensor, where);
  if (actual->items.size() != expected->items.size())
    return differ(where, fmt::format("{} items instead of {}", actual->items.size(), expected->items.size()));
  if (kind == HRT_KIND_MAP) tensors(actual->keys, expected->keys, where + "keys");
  for (size_t i = 0; i < actual->items.size(); ++i)
    values(actual->items[i], expected->items[i],
           fmt::format("{}item {}", where.empty() ? "" : where + " ", i));
}

Comparison Comparer::finish() {
  const double norm = std::sqrt(actual_square_) * std::sqrt(expected_square_);
  if (norm > 0) result_.cosine = dot_ / norm;
  if (norm == 0) result_.cosine = actual_square_ == expected_square_ ? 1 : 0;
  return std::move(result_);
}

}  // namespace

Comparison compare(const ValuePtr& actual, const ValuePtr& expected, const Tolerance& tolerance) {
  Comparer comparer(tolerance);
  comparer.values(actual, expected, "");
  return comparer.finish();
}

Comparison compare(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance) {
  Comparer comparer(tolerance);
  comparer.tensors(actual, expected, "");
  return comparer.finish();
}

}  // namespace hrt
