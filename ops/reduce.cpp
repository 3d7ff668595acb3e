// SPDX-License-Identifier: Apache-2.0
// ReduceSum, Mean, Max, Min, Prod, L1, L2, SumSquare, LogSum, LogSumExp over some or all axes.
// https://onnx.ai/onnx/operators/onnx__ReduceSum.html and so on.
#include <cmath>

#include "elementwise.h"

namespace hrt::ops {
namespace {

// Which axes go: those named, else all of them, or none with noop_with_empty_axes.
std::vector<bool> reduced_axes(const Node& node, const Dims& axes, int64_t rank) {
  const bool all = axes.empty() && node.i("noop_with_empty_axes") == 0;
  std::vector<bool> reduced(size_t(rank), all);
  for (int64_t a : normalise_axes(axes, rank)) reduced[size_t(a)] = true;
  return reduced;
}

Dims result(const Node& node, std::span<const int64_t> dims, const std::vector<bool>& reduced) {
  const bool keep = node.i("keepdims", 1) != 0;
  Dims out;
  for (size_t i = 0; i < dims.size(); ++i)
    if (!reduced[i] || keep) out.push_back(reduced[i] ? 1 : dims[i]);
  return out;
}

// Fold: how shape arithmetic combines two elements, or nothing.
template <std::optional<int64_t> (*Fold)(int64_t, int64_t)>
void infer(const Infer& c) {
  const auto x = c.dims(0), axes = c.has(1) ? c.values(1) : std::optional(Dims());
  const bool known = axes && all_numbers(*axes);
  if (!x) return c.output(0, TensorType(c.dtype(0)));
  if (!known) {
    const bool keep = c.node().i("keepdims", 1) != 0;
    return c.output(0,
                    keep ? TensorType(c.dtype(0), Dims(x->size(), HRT_DIM_UNKNOWN)) : TensorType(c.dtype(0)));
  }
  const auto reduced = reduced_axes(c.node(), *axes, int64_t(x->size()));
  const Dims out = result(c.node(), *x, reduced);
  c.output(0, TensorType(c.dtype(0), out));
  if constexpr (Fold != nullptr) {
    const auto v = small_values(c, 0);
    if (!v || v->empty() || x->size() != 1 || !reduced[0]) return;
    int64_t r = (*v)[0];
    for (size_t i = 1; i < v->size(); ++i) r = combine(c, r, (*v)[i], Fold);
    set_small_values(c, c.dtype(0), {r});
  }
}

// What sums are kept in: wide enough that their order does not matter for the result.
template <class T>
using sum_t = std::conditional_t<std::is_integral_v<acc_t<T>>, uint64_t, double>;

template <class T>
T convert(double v) {
  if constexpr (std::is_integral_v<T>)
    return to_integer<T>(v);
  else
    return T(acc_t<T>(v));
}

// y = f.template operator()<T>(each, n), where each(g) calls g(element) for the n elements of a group.
template <class Types, class F>
void reduce(const Kernel& c, Types types, F f) {
  const Tensor x = c.input(0);
  const auto axes = c.optional(1);
  const auto reduced = reduced_axes(c.node(), axes ? to_int64s(*axes) : Dims(), x.rank());
  const Tensor y = c.output(0, x.dtype(), result(c.node(), x.dims(), reduced));
  const Dims strides = strides_of(x.dims());
  Dims kept, kept_strides, gone, gone_strides;
  for (size_t i = 0; i < reduced.size(); ++i) {
    (reduced[i] ? gone : kept).push_back(x.dims()[i]);
    (reduced[i] ? gone_strides : kept_strides).push_back(strides[i]);
  }
  const int64_t n = element_count(gone), run = gone.empty() ? 1 : gone.back();
  const int64_t step = gone.empty() ? 1 : gone_strides.back();
  std::vector<int64_t> runs;  // where each run along the last reduced axis begins
  Counter at(gone, {gone_strides});
  for (int64_t i = 0; i < n; ++i, at.next())
    if (i % run == 0) runs.push_back(at.offset(0));
  dispatch(types, x.dtype(), [&]<class T>() {
    Counter first(kept, {kept_strides});
    for (int64_t o = 0; o < y.size(); ++o, first.next()) {
      const T* in = x.data<T>() + first.offset(0);
      auto each = [&](auto g) {
        for (int64_t r : runs)
          for (int64_t i = 0; i < run; ++i) g(acc_t<T>(in[r + i * step]));
      };
      y.data<T>()[o] = f.template operator()<T>(each, n);
    }
  });
}

using Summable = TypeList<float, double, float16, bfloat16, int32_t, int64_t, uint32_t, uint64_t>;
using Ordered =
    TypeList<float, double, float16, bfloat16, int32_t, int64_t, uint32_t, uint64_t, int8_t, uint8_t, bool>;

// sum of g(element) in sum_t
template <class T>
constexpr auto total = [](auto each, auto g) {
  sum_t<T> s = 0;
  each([&](auto v) { s += sum_t<T>(g(sum_t<T>(v))); });
  return s;
};
constexpr auto kSame = [](auto v) { return v; };
constexpr auto kSquare = [](auto v) { return v * v; };

// |v| of what was an integer of type T, in its wrapped form
template <class T, class S>
S magnitude(S v) {
  if constexpr (std::is_integral_v<T>)
    return std::is_signed_v<T> && int64_t(v) < 0 ? S(0) - v : v;
  else
    return std::fabs(v);
}

void sum(const Kernel& c) {
  reduce(c, Summable{}, []<class T>(auto each, int64_t) { return T(acc_t<T>(total<T>(each, kSame))); });
}
void sum_square(const Kernel& c) {
  reduce(c, Summable{}, []<class T>(auto each, int64_t) { return T(acc_t<T>(total<T>(each, kSquare))); });
}
void l1(const Kernel& c) {
  reduce(c, Summable{}, []<class T>(auto each, int64_t) {
    return T(acc_t<T>(total<T>(each, [](auto v) { return magnitude<T>(v); })));
  });
}
void l2(const Kernel& c) {
  reduce(c, Summable{}, []<class T>(auto each, int64_t) {
    double s = 0;
    each([&](auto v) { s += double(v) * double(v); });
    return convert<T>(std::sqrt(s));
  });
}
void mean(const Kernel& c) {
  reduce(c, Summable{}, []<class T>(auto each, int64_t n) -> T {
    if constexpr (std::is_integral_v<T>) {
      const T s = T(total<T>(each, kSame));
      return n == 0 ? T(0) : n <= int64_t(std::numeric_limits<T>::max()) ? T(s / T(n)) : T(0);
    } else {
      return T(acc_t<T>(total<T>(each, kSame) / double(n)));
    }
  });
}
void log_sum(const Kernel& c) {
  reduce(c, Summable{}, []<class T>(auto each, int64_t) {
    double s = 0;
    each([&](auto v) { s += double(v); });
    return convert<T>(std::log(s));
  });
}
void log_sum_exp(const Kernel& c) {
  reduce(c, Summable{}, []<class T>(auto each, int64_t) {
    double most = -std::numeric_limits<double>::infinity(), s = 0;
    each([&](auto v) { most = std::max(most, double(v)); });
    if (std::isinf(most)) return convert<T>(most);  // nothing to scale by; an empty set gives minus infinity
    each([&](auto v) { s += std::exp(double(v) - most); });
    return convert<T>(most + std::log(s));
  });
}
void prod(const Kernel& c) {
  reduce(c, Summable{}, []<class T>(auto each, int64_t) {
    sum_t<T> p = 1;
    each([&](auto v) { p *= sum_t<T>(v); });
    return T(acc_t<T>(p));
  });
}

// Better: which of two elements wins. A NaN always does.
template <class Better>
void extreme(const Kernel& c, bool largest) {
  reduce(c, Ordered{}, [largest]<class T>(auto each, int64_t) {
    using A = acc_t<T>;
    using Limits = std::numeric_limits<A>;
    A best = Limits::has_infinity ? (largest ? -Limits::infinity() : Limits::infinity())
                                  : (largest ? Limits::lowest() : Limits::max());
    each([&](A v) {
      if (Better{}(v, best) || v != v) best = v;
    });
    return T(best);
  });
}

std::optional<int64_t> fold_sum(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_add_overflow(a, b, &r) ? std::nullopt : std::optional(r);
}
std::optional<int64_t> fold_prod(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_mul_overflow(a, b, &r) ? std::nullopt : std::optional(r);
}
std::optional<int64_t> fold_max(int64_t a, int64_t b) { return std::max(a, b); }
std::optional<int64_t> fold_min(int64_t a, int64_t b) { return std::min(a, b); }

constexpr uint64_t kSummable = kFloat | kIndex | bits(HRT_UINT32, HRT_UINT64);
constexpr uint64_t kOrdered = kSummable | bits(HRT_INT8, HRT_UINT8, HRT_BOOL);

Op reduction(const char* name, int64_t since, const char* doc, uint64_t types, void (*infer)(const Infer&),
             void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = since,
            .doc = doc,
            .inputs = {{"data", "T"}, {"axes", "int64", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE}},
            .outputs = {{"reduced", "T"}},
            .attrs = {{"keepdims", HRT_ATTR_INT, "1"}, {"noop_with_empty_axes", HRT_ATTR_INT, "0"}},
            .types = {{"T", types}},
            .infer = infer,
            .compute = compute};
}

const Register ops[] = {
    Register(reduction("ReduceSum", 13, "sum", kSummable, infer<fold_sum>, sum)),
    Register(reduction("ReduceMean", 18, "mean", kSummable, infer<nullptr>, mean)),
    Register(reduction("ReduceMax", 20, "largest element", kOrdered, infer<fold_max>,
                       [](const Kernel& c) { extreme<std::greater<>>(c, true); })),
    Register(reduction("ReduceMin", 20, "smallest element", kOrdered, infer<fold_min>,
                       [](const Kernel& c) { extreme<std::less<>>(c, false); })),
    Register(reduction("ReduceProd", 18, "product", kSummable, infer<fold_prod>, prod)),
    Register(reduction("ReduceL1", 18, "sum of magnitudes", kSummable, infer<nullptr>, l1)),
    Register(reduction("ReduceL2", 18, "root of the sum of squares", kSummable, infer<nullptr>, l2)),
    Register(reduction("ReduceSumSquare", 18, "sum of squares", kSummable, infer<nullptr>, sum_square)),
    Register(reduction("ReduceLogSum", 18, "log of the sum", kSummable, infer<nullptr>, log_sum)),
    Register(
        reduction("ReduceLogSumExp", 18, "log of the sum of exp", kSummable, infer<nullptr>, log_sum_exp)),
};

}  // namespace
}  // namespace hrt::ops
