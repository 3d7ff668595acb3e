// SPDX-License-Identifier: Apache-2.0
// CumSum, CumProd: running sum and product along an axis. Each line is added up in order, whatever lies
// beside it; lines that are neighbours advance together, in groups whose sums stay in registers and L1.
#include <cstring>

#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/movement.h"

namespace hrt::cpu {
namespace {

struct Shape {
  int64_t outer, n, inner;
  bool exclusive, reverse;
};

// Integers wrap around; half precision computes in float.
template <class T>
using Sum = std::conditional_t<std::is_integral_v<T>, uint64_t,
                               std::conditional_t<std::is_arithmetic_v<T>, T, float>>;

struct Add {
  template <class A>
  HWY_INLINE A operator()(A a, A b) const {
    return a + b;
  }
};
struct Multiply {
  template <class A>
  HWY_INLINE A operator()(A a, A b) const {
    return a * b;
  }
};

// kLines lines side by side, from x to y, which may be x. The loops over lines become vector code.
template <class T, class F, int64_t kLines>
void scan(const Shape& s, const T* x, T* y, Sum<T> start) {
  Sum<T> sum[kLines];
  std::fill_n(sum, kLines, start);
  const bool exclusive = s.exclusive;
  for (int64_t k = 0; k < s.n; ++k) {
    const int64_t at = (s.reverse ? s.n - 1 - k : k) * s.inner;
    T in[kLines], out[kLines];
    std::memcpy(in, x + at, sizeof in);
    for (int64_t c = 0; c < kLines; ++c) {
      const Sum<T> next = F()(sum[c], Sum<T>(in[c]));
      out[c] = T(exclusive ? sum[c] : next);
      sum[c] = next;
    }
    std::memcpy(y + at, out, sizeof out);
  }
}

template <class T, class F>
void run(const Shape& s, const void* x, void* y) {
  constexpr int64_t kGroup = 64;
  constexpr Sum<T> kStart = std::is_same_v<F, Multiply> ? 1 : 0;
  const int64_t groups = ceil_div(s.inner, kGroup);
  parallel(s.outer * groups, 5 + double(s.n * std::min(s.inner, kGroup)), [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      const int64_t first = g % groups * kGroup, count = std::min(kGroup, s.inner - first);
      const int64_t at = g / groups * s.n * s.inner + first;
      const T* from = static_cast<const T*>(x) + at;
      T* to = static_cast<T*>(y) + at;
      int64_t c = 0;
      for (; c + 64 <= count; c += 64) scan<T, F, 64>(s, from + c, to + c, kStart);
      for (; c + 16 <= count; c += 16) scan<T, F, 16>(s, from + c, to + c, kStart);
      for (; c < count; ++c) scan<T, F, 1>(s, from + c, to + c, kStart);
    }
  });
}

using RunFn = void (*)(const Shape&, const void* x, void* y);
template <class F>
RunFn find_run(hrt_dtype dtype) {
  switch (dtype) {
    case HRT_FLOAT32: return run<float, F>;
    case HRT_FLOAT64: return run<double, F>;
    case HRT_FLOAT16: return run<float16, F>;
    case HRT_BFLOAT16: return run<bfloat16, F>;
    case HRT_INT32: return run<int32_t, F>;
    case HRT_INT64: return run<int64_t, F>;
    case HRT_UINT32: return run<uint32_t, F>;
    case HRT_UINT64: return run<uint64_t, F>;
    default: return nullptr;
  }
}

std::string supports(const Node& node) {
  const hrt_dtype dtype = Value(node.graph(), node.input(0)).dtype();
  return find_run<Add>(dtype) ? "" : sdk::cat("dtype ", dtype_name(dtype));
}

Compiled compile(const Node& node) {
  Compiled c;
  c.inplace = 1;
  c.prepare = [add = node.op() == "CumSum", exclusive = node.i("exclusive") != 0,
               reverse = node.i("reverse") != 0](const Signature& sig) -> Step {
    require(sig.in[1].count() == 1, "axis has shape ", sig.in[1].dims, ", not scalar");
    const hrt_dtype dtype = sig.in[0].dtype;
    return {[fn = add ? find_run<Add>(dtype) : find_run<Multiply>(dtype), dims = sig.in[0].dims, exclusive,
             reverse, index = sig.in[1].dtype](const Buffers& b) {
      const IntList axis = read_ints(index, 1, b.in[1], "axis");
      const size_t at = size_t(checked_axis(axis.v[0], int64_t(dims.size())));
      const std::span<const int64_t> d = dims;
      fn({sdk::element_count(d.first(at)), d[at], sdk::element_count(d.subspan(at + 1)), exclusive, reverse},
         b.in[0], b.out[0]);
    }};
  };
  return c;
}

}  // namespace

std::span<const Op> cumulative_ops() {
  static const Op ops[] = {{"", "CumSum", supports, compile}, {"", "CumProd", supports, compile}};
  return ops;
}

}  // namespace hrt::cpu
