// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "apps/hrt-run/lib/numbers.h"
#include "core/base/error.h"

namespace hrt {
namespace {

constexpr size_t kFirst = 8;
constexpr size_t kTextLimit = 60;  // characters shown of a string

std::string describe_strings(const Tensor& tensor) {
  std::string text;
  for (uint64_t i = 0; i < std::min<uint64_t>(tensor.size(), kFirst); ++i) {
    const std::string_view whole = tensor.string(i);
    text += fmt::format("{}\"{}{}\"", i ? ", " : "", whole.substr(0, kTextLimit),
                        whole.size() > kTextLimit ? "..." : "");
  }
  return text + (tensor.size() > kFirst ? ", ..." : "");
}

}  // namespace

Summary summarise(const Tensor& tensor) {
  Summary result;
  result.count = number_count(tensor);
  result.first.resize(std::min<uint64_t>(result.count, kFirst));
  read_numbers(tensor, 0, result.first);
  std::array<double, 4096> block;
  uint64_t finite = 0;
  double square = 0;  // sum of squared distances from the mean so far (Welford)
  for (uint64_t at = 0; at < result.count; at += block.size()) {
    const std::span<double> numbers(block.data(), std::min<uint64_t>(block.size(), result.count - at));
    read_numbers(tensor, at, numbers);
    for (const double x : numbers) {
      if (std::isnan(x)) ++result.nan;
      if (std::isinf(x)) ++result.infinite;
      if (!std::isfinite(x)) continue;
      result.min = finite == 0 ? x : std::min(result.min, x);
      result.max = finite == 0 ? x : std::max(result.max, x);
      const double delta = x - result.mean;
      result.mean += delta / double(++finite);
      square += delta * (x - result.mean);
    }
  }
  if (finite > 0) result.std = std::sqrt(square / double(finite));
  return result;
}

std::string to_string(const Summary& s) {
  if (s.count == 0) return "empty";
  std::string text =
      fmt::format("min {:.6g}  max {:.6g}  mean {:.6g}  std {:.6g}", s.min, s.max, s.mean, s.std);
  if (s.nan > 0) text += fmt::format("  NaN {}", s.nan);
  if (s.infinite > 0) text += fmt::format("  Inf {}", s.infinite);
  text += "  [";
  for (size_t i = 0; i < s.first.size(); ++i) text += fmt::format("{}{:.6g}", i ? ", " : "", s.first[i]);
  return text + (s.count > s.first.size() ? ", ...]" : "]");
}

std::vector<std::vector<Rank>> top_k(const Tensor& tensor, size_t k, bool softmax) {
  const uint64_t rows = tensor.dims().size() >= 2 ? uint64_t(tensor.dims()[0]) : 1;
  const uint64_t columns = rows == 0 ? 0 : tensor.size() / rows;
  std::vector<std::vector<Rank>> result;
  std::vector<double> row(columns);
  std::vector<uint64_t> order(columns);
  for (uint64_t r = 0; r < rows && columns > 0; ++r) {
    read_numbers(tensor, r * columns, row);
    if (softmax) {
      const double largest = *std::max_element(row.begin(), row.end());
      for (double& x : row) x = std::exp(x - largest);
      const double sum = std::accumulate(row.begin(), row.end(), 0.0);
      for (double& x : row) x /= sum;
    }
    std::iota(order.begin(), order.end(), uint64_t(0));
    const size_t shown = std::min<uint64_t>(k, columns);
    // NaN goes behind everything else, so that the order is one.
    const auto key = [&](uint64_t i) { return std::isnan(row[i]) ? -INFINITY : row[i]; };
    std::partial_sort(order.begin(), order.begin() + ptrdiff_t(shown), order.end(),
                      [&](uint64_t a, uint64_t b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
    auto& best = result.emplace_back();
    for (size_t i = 0; i < shown; ++i) best.push_back({order[i], row[order[i]]});
  }
  return result;
}

std::string describe(const ValuePtr& value) {
  const auto& items = value->items;
  switch (value->type.kind()) {
    case HRT_KIND_TENSOR:
      return value->tensor.dtype() == HRT_STRING ? describe_strings(value->tensor)
                                                 : to_string(summarise(value->tensor));
    case HRT_KIND_OPTIONAL: return items.empty() ? "absent" : describe(items[0]);
    default: break;
  }
  std::string text = fmt::format("{} items", items.size());
  for (size_t i = 0; i < std::min(items.size(), kFirst); ++i)
    text += fmt::format("{}{}", i ? ", " : ": ", to_string(items[i]->type));
  return text + (items.size() > kFirst ? ", ..." : "");
}

}  // namespace hrt
