// SPDX-License-Identifier: Apache-2.0
// Hardmax, and Softmax and LogSoftmax along one axis, in three passes over a row that is in cache by then:
// maximum, exponentials and their sum, scale. Where the axis is not the innermost, a row is a column of
// vectors: the same passes, one vector (or a part of one) of neighbours at a time.
#include <cmath>

#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/vec_math.h"

namespace hrt::cpu {
namespace {

float row_max(const float* x, int64_t n) {
  Vec m = hn::Set(f32, -HUGE_VALF);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) m = hn::Max(m, hn::LoadU(f32, x + i));
  if (i < n) m = hn::Max(m, hn::IfThenElse(hn::FirstN(f32, size_t(n - i)), load_n(x + i, n - i), m));
  return hn::GetLane(hn::MaxOfLanes(f32, m));
}

// y = e^(x - m), and their sum.
float exp_row(const float* x, float* y, int64_t n, Vec m) {
  Vec s0 = hn::Zero(f32), s1 = s0;
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const Vec e0 = vec::exp(hn::Sub(hn::LoadU(f32, x + i), m));
    const Vec e1 = vec::exp(hn::Sub(hn::LoadU(f32, x + i + kLanes), m));
    hn::StoreU(e0, f32, y + i);
    hn::StoreU(e1, f32, y + i + kLanes);
    s0 = hn::Add(s0, e0);
    s1 = hn::Add(s1, e1);
  }
  for (; i < n; i += kLanes) {
    const int64_t lanes = std::min<int64_t>(kLanes, n - i);
    const Vec e = vec::exp(hn::Sub(load_n(x + i, lanes), m));
    store_n(e, y + i, lanes);
    s0 = hn::Add(s0, hn::IfThenElseZero(hn::FirstN(f32, size_t(lanes)), e));
  }
  return hn::GetLane(hn::SumOfLanes(f32, hn::Add(s0, s1)));
}

// A NaN may be lost in the maximum: it comes back with its exponential.
void softmax_row(const float* x, float* y, int64_t n) {
  const Vec scale = hn::Set(f32, 1.0f / exp_row(x, y, n, hn::Set(f32, row_max(x, n))));
  map(y, y, n, [&](Vec v) { return hn::Mul(v, scale); });
}

void log_softmax_row(const float* x, float* y, int64_t n) {
  const Vec m = hn::Set(f32, row_max(x, n));
  const float sum = sum_of(x, n, [&](Vec v) { return vec::exp(hn::Sub(v, m)); });
  const Vec log_sum = hn::Set(f32, std::log(sum));
  map(x, y, n, [&](Vec v) { return hn::Sub(hn::Sub(v, m), log_sum); });
}

// n rows, `stride` floats apart, of which the first `lanes` columns are meant.
template <bool kLog>
void softmax_columns(const float* x, float* y, int64_t n, int64_t stride, int64_t lanes) {
  const auto load = [&](const float* p) { return lanes == kLanes ? hn::LoadU(f32, p) : load_n(p, lanes); };
  const auto store = [&](Vec v, float* p) {
    if (lanes == kLanes)
      hn::StoreU(v, f32, p);
    else
      store_n(v, p, lanes);
  };
  Vec m = hn::Set(f32, -HUGE_VALF), sum = hn::Zero(f32);
  for (int64_t i = 0; i < n; ++i) m = hn::Max(m, load(x + i * stride));
  for (int64_t i = 0; i < n; ++i) {
    const Vec shifted = hn::Sub(load(x + i * stride), m), e = vec::exp(shifted);
    sum = hn::Add(sum, e);
    store(kLog ? shifted : e, y + i * stride);
  }
  const Vec scale = kLog ? vec::log(sum) : hn::Div(vec::set(1.0f), sum);
  for (int64_t i = 0; i < n; ++i) {
    const Vec v = load(y + i * stride);
    store(kLog ? hn::Sub(v, scale) : hn::Mul(v, scale), y + i * stride);
  }
}

struct Shape {
  int64_t outer, n, inner;
  bool log;
};

void run(const Shape& s, const float* x, float* y) {
  if (s.outer * s.n * s.inner == 0) return;
  if (s.inner == 1) {
    const auto row = s.log ? log_softmax_row : softmax_row;
    return parallel(s.outer, double(s.n) * 0.7, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) row(x + r * s.n, y + r * s.n, s.n);
    });
  }
  const auto columns = s.log ? softmax_columns<true> : softmax_columns<false>;
  const int64_t groups = ceil_div(s.inner, kLanes);
  parallel(s.outer * groups, double(s.n) * kLanes * 0.7, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      const int64_t column = g % groups * kLanes, at = g / groups * s.n * s.inner + column;
      columns(x + at, y + at, s.n, s.inner, std::min<int64_t>(kLanes, s.inner - column));
    }
  });
}

// 1 at the first of the largest along the axis, else 0.
void run_hard(const Shape& s, const float* x, float* y) {
  parallel(s.outer * s.inner, double(s.n) + 5, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i / s.inner * s.n * s.inner + i % s.inner;
      int64_t best = 0;
      for (int64_t k = 1; k < s.n; ++k)
        if (x[at + k * s.inner] > x[at + best * s.inner]) best = k;
      for (int64_t k = 0; k < s.n; ++k) y[at + k * s.inner] = k == best ? 1.0f : 0.0f;
    }
  });
}

Compiled compile(const Node& node) {
  Compiled c;
  c.inplace = 1;
  c.widens = true;
  c.prepare = [axis = node.i("axis", -1), log = node.op() == "LogSoftmax",
               f = node.op() == "Hardmax" ? run_hard : run](const Signature& sig) -> Step {
    const std::span<const int64_t> dims = sig.in[0].dims;
    const int64_t rank = int64_t(dims.size()), at = axis < 0 ? axis + rank : axis;
    if (rank == 0)
      return {[log, f](const Buffers& b) { f({1, 1, 1, log}, b.input<float>(0), b.output<float>(0)); }};
    require(at >= 0 && at < rank, "axis ", axis, " of a tensor of rank ", rank);
    const Shape s{sdk::element_count(dims.first(size_t(at))), dims[size_t(at)],
                  sdk::element_count(dims.subspan(size_t(at) + 1)), log};
    return {[s, f](const Buffers& b) { f(s, b.input<float>(0), b.output<float>(0)); }};
  };
  return c;
}

}  // namespace

std::span<const Op> softmax_ops() {
  static const Op ops[] = {{"", "Softmax", floats_only, compile},
                           {"", "LogSoftmax", floats_only, compile},
                           {"", "Hardmax", floats_only, compile}};
  return ops;
}

}  // namespace hrt::cpu
