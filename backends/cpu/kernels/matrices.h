// SPDX-License-Identifier: Apache-2.0
// The operands of matrix products as numpy sees them.
#pragma once

#include <array>

#include "backends/cpu/op.h"

namespace hrt::cpu {

// The dims of an operand; a vector is a row on the left, a column on the right.
struct MatDims {
  Dims batch;
  int64_t rows, cols;

  MatDims(std::span<const int64_t> dims, bool left) {
    const size_t n = dims.size();
    require(n > 0, "a scalar is no matrix");
    if (n > 1) batch.assign(dims.begin(), dims.end() - 2);
    rows = n > 1 ? dims[n - 2] : left ? 1 : dims[0];
    cols = n > 1 || left ? dims[n - 1] : 1;
  }
  void transpose() { std::swap(rows, cols); }
};

// For each result, in order, the index of the operands' matrices under numpy broadcasting.
inline std::vector<std::array<int64_t, 2>> broadcast_batch(const Dims& a, const Dims& b) {
  const size_t rank = std::max(a.size(), b.size());
  std::vector<std::array<int64_t, 2>> list = {{0, 0}};
  for (size_t i = 0; i < rank; ++i) {
    const auto dim = [&](const Dims& d) { return i + d.size() < rank ? 1 : d[i + d.size() - rank]; };
    const int64_t da = dim(a), db = dim(b), n = da == 1 ? db : da;
    require(da == db || da == 1 || db == 1, "batch dims ", a, " and ", b, " do not broadcast");
    std::vector<std::array<int64_t, 2>> next;
    next.reserve(list.size() * size_t(n));
    for (const auto& [x, y] : list)
      for (int64_t j = 0; j < n; ++j)
        next.push_back({x * da + (da == 1 ? 0 : j), y * db + (db == 1 ? 0 : j)});
    list = std::move(next);
  }
  return list;
}

}  // namespace hrt::cpu
