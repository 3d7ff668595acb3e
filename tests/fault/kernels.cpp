// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/kernels.h"

#include <algorithm>
#include <array>

#include <hrt/plugin.h>

namespace hrt::fault {
namespace {

using Dims = std::span<const int64_t>;

int64_t count(Dims dims) {
  int64_t n = 1;
  for (const int64_t d : dims) n *= d;
  return n;
}

// Where the element that broadcasts to the index-th of `to` lies in a tensor with dimensions `from`.
int64_t broadcast_index(int64_t index, Dims to, Dims from) {
  int64_t at = 0, stride = 1;
  for (size_t back = 1; back <= from.size(); ++back) {
    const int64_t to_dim = to[to.size() - back], from_dim = from[from.size() - back];
    if (from_dim != 1) at += index % to_dim * stride;
    index /= to_dim;
    stride *= from_dim;
  }
  return at;
}

template <class F>
void unary(std::span<const Operand> in, const Result& out, F&& f) {
  for (int64_t i = 0; i < count(out.dims); ++i) out.data[i] = f(in[0].data[i]);
}

template <class F>
void binary(std::span<const Operand> in, const Result& out, F&& f) {
  for (int64_t i = 0; i < count(out.dims); ++i)
    out.data[i] = f(in[0].data[broadcast_index(i, out.dims, in[0].dims)],
                    in[1].data[broadcast_index(i, out.dims, in[1].dims)]);
}

// The last two dimensions are rows and columns; a vector on the left is a row, one on the right a column.
void matmul(std::span<const Operand> in, const Result& out) {
  const Dims a = in[0].dims, b = in[1].dims;
  const bool row = a.size() == 1, column = b.size() == 1;
  const int64_t m = row ? 1 : a[a.size() - 2], n = column ? 1 : b.back(), k = a.back();
  const Dims batch = out.dims.first(out.dims.size() - (row ? 0 : 1) - (column ? 0 : 1));
  const Dims a_batch = a.first(row ? 0 : a.size() - 2), b_batch = b.first(column ? 0 : b.size() - 2);
  for (int64_t i = 0; i < count(batch); ++i) {
    const float* left = in[0].data + broadcast_index(i, batch, a_batch) * m * k;
    const float* right = in[1].data + broadcast_index(i, batch, b_batch) * k * n;
    for (int64_t r = 0; r < m; ++r) {
      for (int64_t c = 0; c < n; ++c) {
        float sum = 0;
        for (int64_t j = 0; j < k; ++j) sum += left[r * k + j] * right[j * n + c];
        out.data[(i * m + r) * n + c] = sum;
      }
    }
  }
}

constexpr std::array<Operator, 6> kOperators = {{
    {"Add", 2, [](auto in, const Result& out) { binary(in, out, [](float a, float b) { return a + b; }); }},
    {"Identity", 1, [](auto in, const Result& out) { unary(in, out, [](float x) { return x; }); }},
    {"MatMul", 2, matmul},
    {"Mul", 2, [](auto in, const Result& out) { binary(in, out, [](float a, float b) { return a * b; }); }},
    {"Neg", 1, [](auto in, const Result& out) { unary(in, out, [](float x) { return -x; }); }},
    {"Relu", 1, [](auto in, const Result& out) { unary(in, out, [](float x) { return x < 0 ? 0 : x; }); }},
}};

}  // namespace

const Operator* find_operator(std::string_view name) {
  const auto* found = std::ranges::find(kOperators, name, &Operator::name);
  return found == kOperators.end() ? nullptr : found;
}

}  // namespace hrt::fault
