// SPDX-License-Identifier: Apache-2.0
// Dimension arithmetic that inference functions and kernels share, so that both always agree: in a
// kernel every dim is a number; during inference a result may be a fresh symbol or unknown.
#pragma once

#include "op.h"

namespace hrt::ops {

inline int64_t checked_add(int64_t a, int64_t b) {
  int64_t r;
  require(!__builtin_add_overflow(a, b, &r), "dimension overflows: ", a, " + ", b);
  return r;
}
inline int64_t checked_mul(int64_t a, int64_t b) {
  int64_t r;
  require(!__builtin_mul_overflow(a, b, &r), "dimension overflows: ", a, " * ", b);
  return r;
}

class DimMath {
 public:
  DimMath() = default;  // in a kernel
  explicit DimMath(const Infer& c) : infer_(&c) {}

  // f of the dims when all are numbers; unknown when one of them is; else a fresh symbol.
  template <class F, class... D>
  int64_t operator()(F&& f, D... dims) const {
    if ((is_number(dims) && ...)) return f(dims...);
    return ((dims == HRT_DIM_UNKNOWN) || ...) ? HRT_DIM_UNKNOWN : fresh();
  }
  int64_t fresh() const { return infer_ ? infer_->symbol() : HRT_DIM_UNKNOWN; }
  int64_t add(int64_t a, int64_t b) const {
    if (a == 0) return b;
    return b == 0 ? a : (*this)(checked_add, a, b);
  }
  int64_t mul(int64_t a, int64_t b) const {
    if (a == 1) return b;
    if (a == 0 || b == 0) return 0;
    return b == 1 ? a : (*this)(checked_mul, a, b);
  }
  // The dimension when both must be equal, from whichever says more.
  int64_t same(int64_t a, int64_t b, const char* what) const {
    require(!is_number(a) || !is_number(b) || a == b, what, ": ", a, " and ", b, " differ");
    return is_number(b) || a == HRT_DIM_UNKNOWN ? b : a;
  }

 private:
  const Infer* infer_ = nullptr;
};

// What inference follows through shape arithmetic is short; longer integer tensors are data.
constexpr int64_t kMaxTracked = 1024;

// The elements of an integer input when they are followed and their number is small.
inline std::optional<Dims> tracked(const Infer& c, uint32_t i) {
  auto v = c.values(i);
  if (v && int64_t(v->size()) > kMaxTracked) v.reset();
  return v;
}

// The elements of an input that names dims, or as many unknowns when only their number is known.
inline std::optional<Dims> dims_from(const Infer& c, uint32_t i) {
  if (auto v = c.values(i)) return v;
  const auto d = c.dims(i);
  if (!d || d->size() > 1 || !all_numbers(*d)) return std::nullopt;
  const int64_t n = d->empty() ? 1 : (*d)[0];
  require(n <= HRT_MAX_RANK, "input ", i, " names ", n, " dimensions; at most ", HRT_MAX_RANK, " can be");
  return Dims(size_t(n), HRT_DIM_UNKNOWN);
}

// Runs a kernel's index mapping over the followed elements of input 0: move(copy) calls
// copy(to, from, n) as a kernel would. Only for outputs whose dims are all numbers.
template <class Move>
void track_moves(const Infer& c, const Dims& out, Move&& move) {
  const auto in = tracked(c, 0);
  if (!in || !all_numbers(out)) return;
  const int64_t n = element_count(out);
  if (n > kMaxTracked) return;
  Dims values(size_t(n), HRT_DIM_UNKNOWN);
  move([&](int64_t to, int64_t from, int64_t count = 1) {
    for (int64_t k = 0; k < count; ++k) values[size_t(to + k)] = (*in)[size_t(from + k)];
  });
  c.output_values(0, values);
}

// A tensor of input 0's element type whose shape is not known, or of which only the rank is.
inline void output_unranked(const Infer& c) { c.output(0, TensorType(c.dtype(0))); }
inline void output_rank(const Infer& c, size_t rank) {
  c.output(0, TensorType(c.dtype(0), Dims(rank, HRT_DIM_UNKNOWN)));
}

}  // namespace hrt::ops
