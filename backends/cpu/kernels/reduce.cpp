// SPDX-License-Identifier: Apache-2.0
// Reductions over any set of axes, ArgMax and ArgMin. Neighbouring axes that are both kept or both reduced
// merge, so that what is left alternates. When the innermost is reduced, an output is a row reduced
// across the lanes; when it is kept, outputs are lanes and rows are added up. Outputs are shared out
// to threads, never the sum of one output: results do not depend on the number of threads.
#include <cmath>
#include <limits>

#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/vec_math.h"

namespace hrt::cpu {
namespace {

// ------------------------------------------------------------------------------- the reductions

// An operator: the start value, one element (x, or what `first`, or `one` for a single number, makes of it),
// and the end of it. Float ones
// work on vectors; lanes are folded at the end by `fold` too.
struct Sum {
  static constexpr float kStart = 0;
  static HWY_INLINE Vec first(Vec x) { return x; }
  template <class T>
  static T one(T x) {
    return x;
  }
  static HWY_INLINE Vec fold(Vec a, Vec b) { return hn::Add(a, b); }
  static float last(float a, double) { return a; }
  template <class T>
  static T fold(T a, T b) {
    return T(std::make_unsigned_t<T>(a) + std::make_unsigned_t<T>(b));
  }
  template <class T>
  static T last(T a, int64_t) {
    return a;
  }
};
struct Mean : Sum {
  static float last(float a, double n) { return float(a / n); }
  template <class T>
  static T last(T a, int64_t n) {
    return n ? T(a / n) : T(0);
  }
};
struct SumSquare : Sum {
  static HWY_INLINE Vec first(Vec x) { return hn::Mul(x, x); }
  template <class T>
  static T one(T x) {
    return T(std::make_unsigned_t<T>(x) * std::make_unsigned_t<T>(x));
  }
};
struct L1 : Sum {
  static HWY_INLINE Vec first(Vec x) { return hn::Abs(x); }
  template <class T>
  static T one(T x) {
    return x < 0 ? T(0 - std::make_unsigned_t<T>(x)) : x;
  }
};
struct L2 : SumSquare {
  static float last(float a, double) { return std::sqrt(a); }
};
struct LogSum : Sum {
  static float last(float a, double) { return std::log(a); }
};
struct Prod {
  static constexpr float kStart = 1;
  static HWY_INLINE Vec first(Vec x) { return x; }
  template <class T>
  static T one(T x) {
    return x;
  }
  static HWY_INLINE Vec fold(Vec a, Vec b) { return hn::Mul(a, b); }
  static float last(float a, double) { return a; }
  template <class T>
  static T fold(T a, T b) {
    return T(std::make_unsigned_t<T>(a) * std::make_unsigned_t<T>(b));
  }
  template <class T>
  static T last(T a, int64_t) {
    return a;
  }
};
struct Max {
  static constexpr float kStart = -HUGE_VALF;
  static HWY_INLINE Vec first(Vec x) { return x; }
  template <class T>
  static T one(T x) {
    return x;
  }
  static HWY_INLINE Vec fold(Vec a, Vec b) { return vec::maximum(a, b); }
  static float last(float a, double) { return a; }
  template <class T>
  static T fold(T a, T b) {
    return std::max(a, b);
  }
  template <class T>
  static T last(T a, int64_t) {
    return a;
  }
};
struct Min {
  static constexpr float kStart = HUGE_VALF;
  static HWY_INLINE Vec first(Vec x) { return x; }
  template <class T>
  static T one(T x) {
    return x;
  }
  static HWY_INLINE Vec fold(Vec a, Vec b) { return vec::minimum(a, b); }
  static float last(float a, double) { return a; }
  template <class T>
  static T fold(T a, T b) {
    return std::min(a, b);
  }
  template <class T>
  static T last(T a, int64_t) {
    return a;
  }
};

template <class Op, class T>
constexpr T start() {
  if constexpr (std::is_floating_point_v<T>)
    return Op::kStart;
  else if constexpr (std::is_same_v<Op, Max>)
    return std::numeric_limits<T>::lowest();
  else if constexpr (std::is_same_v<Op, Min>)
    return std::numeric_limits<T>::max();
  else
    return T(Op::kStart);
}

// ------------------------------------------------------------------------------------ the walk

// Axes from the outermost to the innermost, merged.
struct Plan {
  int kept = 0, reduced = 0;
  int64_t kept_size[HRT_MAX_RANK], kept_stride[HRT_MAX_RANK];
  int64_t reduced_size[HRT_MAX_RANK], reduced_stride[HRT_MAX_RANK];
  int64_t outputs = 1, per_output = 1;  // elements
  bool rows = true;                     // the innermost axis is reduced
};

Plan make_plan(std::span<const int64_t> dims, const bool* reduce) {
  Plan p;
  int64_t stride = 1;
  int last = -1;  // whether the axis inside this one was reduced
  for (size_t i = dims.size(); i-- > 0;) {
    (reduce[i] ? p.per_output : p.outputs) *= dims[i];
    if (dims[i] == 1) continue;
    if (last < 0) p.rows = reduce[i];
    int& count = reduce[i] ? p.reduced : p.kept;
    int64_t* size = reduce[i] ? p.reduced_size : p.kept_size;
    if (last == int(reduce[i])) {
      size[count - 1] *= dims[i];
    } else {
      size[count] = dims[i];
      (reduce[i] ? p.reduced_stride : p.kept_stride)[count++] = stride;
    }
    last = reduce[i];
    stride *= dims[i];
  }
  std::reverse(p.kept_size, p.kept_size + p.kept);
  std::reverse(p.kept_stride, p.kept_stride + p.kept);
  std::reverse(p.reduced_size, p.reduced_size + p.reduced);
  std::reverse(p.reduced_stride, p.reduced_stride + p.reduced);
  return p;
}

// Where the output (without the innermost kept axis, when that is the row) of this number begins.
int64_t locate(const Plan& p, int axes, int64_t index) {
  int64_t at = 0;
  for (int d = axes - 1; d >= 0; --d) {
    at += index % p.kept_size[d] * p.kept_stride[d];
    index /= p.kept_size[d];
  }
  return at;
}

// Calls f(offset) for all positions of the first `axes` reduced axes.
template <class F>
HWY_INLINE void walk(const Plan& p, int axes, F&& f) {
  int64_t total = 1;
  for (int d = 0; d < axes; ++d) total *= p.reduced_size[d];
  int64_t at[HRT_MAX_RANK] = {};
  int64_t offset = 0;
  for (int64_t i = 0; i < total; ++i) {
    f(offset);
    for (int d = axes - 1; d >= 0; --d) {
      offset += p.reduced_stride[d];
      if (++at[d] < p.reduced_size[d]) break;
      offset -= at[d] * p.reduced_stride[d];
      at[d] = 0;
    }
  }
}

// All that goes into one output: rows of the innermost axis.
template <class Op, class First>
float reduce_rows(const Plan& p, const float* x, First first) {
  const int64_t n = p.reduced ? p.reduced_size[p.reduced - 1] : 1;
  Vec a0 = vec::set(Op::kStart), a1 = a0, a2 = a0, a3 = a0;
  walk(p, p.reduced - 1, [&](int64_t offset) {
    const float* row = x + offset;
    int64_t i = 0;
    for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
      a0 = Op::fold(a0, first(hn::LoadU(f32, row + i)));
      a1 = Op::fold(a1, first(hn::LoadU(f32, row + i + kLanes)));
      a2 = Op::fold(a2, first(hn::LoadU(f32, row + i + 2 * kLanes)));
      a3 = Op::fold(a3, first(hn::LoadU(f32, row + i + 3 * kLanes)));
    }
    for (; i + kLanes <= n; i += kLanes) a0 = Op::fold(a0, first(hn::LoadU(f32, row + i)));
    if (i < n) {
      const auto mask = hn::FirstN(f32, size_t(n - i));
      a1 = hn::IfThenElse(mask, Op::fold(a1, first(load_n(row + i, n - i))), a1);
    }
  });
  alignas(64) float lanes[2 * kLanes] = {};
  hn::Store(Op::fold(Op::fold(a0, a1), Op::fold(a2, a3)), f32, lanes);
  for (int half = kLanes / 2; half; half /= 2) {  // the upper lanes of the fold are not looked at
    const Vec folded = Op::fold(hn::LoadU(f32, lanes), hn::LoadU(f32, lanes + half));
    hn::Store(folded, f32, lanes);
  }
  return lanes[0];
}

// kLanes outputs side by side, of which `count` are meant; the row of vectors at x.
template <class Op, class First>
Vec reduce_columns(const Plan& p, const float* x, int64_t count, First first) {
  Vec a = vec::set(Op::kStart);
  walk(p, p.reduced, [&](int64_t offset) {
    const Vec v = count == kLanes ? hn::LoadU(f32, x + offset) : load_n(x + offset, count);
    a = Op::fold(a, first(v));
  });
  return a;
}

template <class Op>
struct Reduce {
  static float row(const Plan& p, const float* x) {
    return Op::last(reduce_rows<Op>(p, x, Op::first), double(p.per_output));
  }
  static Vec columns(const Plan& p, const float* x, int64_t count) {
    alignas(64) float lanes[kLanes];
    hn::Store(reduce_columns<Op>(p, x, count, Op::first), f32, lanes);
    for (float& v : lanes) v = Op::last(v, double(p.per_output));
    return hn::Load(f32, lanes);
  }
};

struct LogSumExp;
// ln(sum(e^(x - max))) + max: no overflow. An infinite maximum is the answer, and is not subtracted.
template <>
struct Reduce<LogSumExp> {
  static HWY_INLINE Vec shift(Vec max) { return hn::IfThenElse(hn::IsFinite(max), max, hn::Zero(f32)); }
  static float row(const Plan& p, const float* x) {
    const Vec m = shift(vec::set(reduce_rows<Max>(p, x, Max::first)));
    const float sum = reduce_rows<Sum>(p, x, [&](Vec v) { return vec::exp(hn::Sub(v, m)); });
    return std::log(sum) + hn::GetLane(m);
  }
  static Vec columns(const Plan& p, const float* x, int64_t count) {
    const Vec m = shift(reduce_columns<Max>(p, x, count, Max::first));
    return hn::Add(vec::log(reduce_columns<Sum>(p, x, count, [&](Vec v) { return vec::exp(hn::Sub(v, m)); })),
                   m);
  }
};

template <class Op>
void run_float(const Plan& p, const void* x, void* y) {
  const float* from = static_cast<const float*>(x);
  float* to = static_cast<float*>(y);
  const double ns = double(p.per_output) * 0.15 + 2;
  if (p.rows || p.kept == 0)
    return parallel(p.outputs, ns, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = Reduce<Op>::row(p, from + locate(p, p.kept, i));
    });
  const int64_t row = p.kept_size[p.kept - 1], groups = ceil_div(row, kLanes);
  parallel(p.outputs / std::max<int64_t>(row, 1) * groups, ns * kLanes, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      const int64_t column = g % groups * kLanes, count = std::min<int64_t>(kLanes, row - column);
      const Vec v = Reduce<Op>::columns(p, from + locate(p, p.kept - 1, g / groups) + column, count);
      float* out = to + g / groups * row + column;
      if (count == kLanes)
        hn::StoreU(v, f32, out);
      else
        store_n(v, out, count);
    }
  });
}

template <class Op, class T>
void run_plain(const Plan& p, const void* x, void* y) {
  const T* from = static_cast<const T*>(x);
  T* to = static_cast<T*>(y);
  parallel(p.outputs, double(p.per_output) + 5, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* base = from + locate(p, p.kept, i);
      T a = start<Op, T>();
      walk(p, p.reduced, [&](int64_t offset) { a = Op::fold(a, Op::one(base[offset])); });
      to[i] = Op::last(a, p.per_output);
    }
  });
}

// ------------------------------------------------------------------------------------ Reduce ops

using ReduceFn = void (*)(const Plan&, const void* x, void* y);
struct Row {
  const char* name;
  ReduceFn by_dtype[HRT_DTYPE_COUNT] = {};
  ReduceFn get(hrt_dtype t) const { return by_dtype[widened(t)]; }
};
template <class Op, class... T>
constexpr Row row(const char* name) {
  Row r{name};
  r.by_dtype[HRT_FLOAT32] = run_float<Op>;
  ((r.by_dtype[dtype_of<T>] = run_plain<Op, T>), ...);
  return r;
}
template <class Op>
constexpr Row ordered(const char* name) {
  Row r = row<Op, int32_t, int64_t, uint32_t, uint64_t, int8_t, uint8_t>(name);
  r.by_dtype[HRT_BOOL] = run_plain<Op, bool>;
  return r;
}
constexpr Row kRows[] = {
    row<Sum, int32_t, int64_t, uint32_t, uint64_t>("ReduceSum"),
    row<Mean, int32_t, int64_t>("ReduceMean"),
    row<Prod, int32_t, int64_t, uint32_t, uint64_t>("ReduceProd"),
    ordered<Max>("ReduceMax"),
    ordered<Min>("ReduceMin"),
    row<SumSquare, int32_t, int64_t, uint32_t, uint64_t>("ReduceSumSquare"),
    row<L1, int32_t, int64_t, uint32_t, uint64_t>("ReduceL1"),
    row<L2>("ReduceL2"),
    row<LogSum>("ReduceLogSum"),
    row<LogSumExp>("ReduceLogSumExp"),
};

const Row& find_row(const Node& node) {
  for (const Row& r : kRows)
    if (node.op() == r.name) return r;
  unsupported("operator ", node.op());
}

std::string supports(const Node& node) {
  const hrt_dtype dtype = Value(node.graph(), node.input(0)).dtype();
  return find_row(node).get(dtype) ? "" : sdk::cat("dtype ", dtype_name(dtype));
}

Compiled compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.prepare = [&row = find_row(node),
               noop = node.i("noop_with_empty_axes") != 0](const Signature& sig) -> Step {
    const Dims& dims = sig.in[0].dims;
    const int64_t rank = int64_t(dims.size());
    const Dims axes = sig.has_in(1) ? sig.in[1].known_ints() : Dims();
    bool reduce[HRT_MAX_RANK] = {};
    if (axes.empty() && !noop) std::fill(reduce, reduce + rank, true);
    for (const int64_t axis : axes) {
      require(axis >= -rank && axis < rank, "axis ", axis, " of a tensor of rank ", rank);
      reduce[axis < 0 ? axis + rank : axis] = true;
    }
    return {[fn = row.get(sig.in[0].dtype), plan = make_plan(dims, reduce)](const Buffers& b) {
      if (plan.outputs) fn(plan, b.in[0], b.out[0]);
    }};
  };
  return c;
}

// ------------------------------------------------------------------------------- ArgMax, ArgMin

struct ArgShape {
  int64_t outer, n, inner;
};

// better(a, b): a takes b's place. Columns are dealt with in groups whose state stays in registers and L1.
template <class T, class Better>
void arg_columns(const T* x, int64_t* y, int64_t n, int64_t stride, int64_t columns, Better better) {
  constexpr int64_t kGroup = 64;
  for (int64_t c = 0; c < columns; c += kGroup) {
    const int64_t count = std::min(kGroup, columns - c);
    T best[kGroup];
    int64_t at[kGroup] = {};
    for (int64_t k = 0; k < count; ++k) best[k] = x[c + k];
    for (int64_t i = 1; i < n; ++i)
      for (int64_t k = 0; k < count; ++k) {
        const T v = x[i * stride + c + k];
        const bool take = better(v, best[k]);
        best[k] = take ? v : best[k];
        at[k] = take ? i : at[k];
      }
    std::copy(at, at + count, y + c);
  }
}

// One contiguous row: the best of every lane, then the best of those. Starts from the first element in all
// lanes, so that a NaN wins only there, as in a plain loop.
template <class Better>
int64_t arg_row(const float* x, int64_t n, Better better) {
  constexpr bool kLast = better(1.0f, 1.0f);
  const auto lanes = hn::Iota(vec::i32, 0);
  const Vec first = vec::set(x[0]);
  Vec best = first;
  auto at = hn::Zero(vec::i32);
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t count = std::min<int64_t>(kLanes, n - i);
    const Vec v = count == kLanes ? hn::LoadU(f32, x + i) : load_n(x + i, count);
    auto take = better(2.0f, 1.0f) ? (kLast ? hn::Ge(v, best) : hn::Gt(v, best))
                                   : (kLast ? hn::Le(v, best) : hn::Lt(v, best));
    if (count < kLanes) take = hn::And(take, hn::FirstN(f32, size_t(count)));
    best = hn::IfThenElse(take, v, best);
    at = hn::IfThenElse(hn::RebindMask(vec::i32, take), hn::Add(lanes, hn::Set(vec::i32, int32_t(i))), at);
  }
  alignas(64) float values[kLanes];
  alignas(64) int32_t places[kLanes];
  hn::Store(best, f32, values);
  hn::Store(at, vec::i32, places);
  int winner = 0;
  for (int k = 1; k < kLanes; ++k) {
    const bool equal = values[k] == values[winner];
    if (equal ? (kLast ? places[k] > places[winner] : places[k] < places[winner])
              : better(values[k], values[winner]))
      winner = k;
  }
  return places[winner];
}

template <class T, class Better>
void arg_run(const ArgShape& s, const void* x, void* y) {
  const T* from = static_cast<const T*>(x);
  int64_t* to = static_cast<int64_t*>(y);
  parallel(s.outer, double(s.n * s.inner) * 0.3 + 5, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      if constexpr (std::is_same_v<T, float>)
        if (s.inner == 1 && s.n <= std::numeric_limits<int32_t>::max()) {
          to[o] = arg_row(from + o * s.n, s.n, Better{});
          continue;
        }
      arg_columns(from + o * s.n * s.inner, to + o * s.inner, s.n, s.inner, s.inner, Better{});
    }
  });
}

using ArgFn = void (*)(const ArgShape&, const void* x, void* y);
template <class T>
ArgFn arg_fn(bool max, bool last) {
  if (max) return last ? arg_run<T, std::greater_equal<T>> : arg_run<T, std::greater<T>>;
  return last ? arg_run<T, std::less_equal<T>> : arg_run<T, std::less<T>>;
}
ArgFn find_arg(hrt_dtype dtype, bool max, bool last) {
  switch (widened(dtype)) {
    case HRT_FLOAT32: return arg_fn<float>(max, last);
    case HRT_FLOAT64: return arg_fn<double>(max, last);
    case HRT_INT8: return arg_fn<int8_t>(max, last);
    case HRT_UINT8: return arg_fn<uint8_t>(max, last);
    case HRT_INT16: return arg_fn<int16_t>(max, last);
    case HRT_UINT16: return arg_fn<uint16_t>(max, last);
    case HRT_INT32: return arg_fn<int32_t>(max, last);
    case HRT_UINT32: return arg_fn<uint32_t>(max, last);
    case HRT_INT64: return arg_fn<int64_t>(max, last);
    case HRT_UINT64: return arg_fn<uint64_t>(max, last);
    default: return nullptr;
  }
}

std::string arg_supports(const Node& node) {
  const hrt_dtype dtype = Value(node.graph(), node.input(0)).dtype();
  return find_arg(dtype, true, false) ? "" : sdk::cat("dtype ", dtype_name(dtype));
}

Compiled arg_compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.prepare = [axis = node.i("axis"), max = node.op() == "ArgMax",
               last = node.i("select_last_index") != 0](const Signature& sig) -> Step {
    const std::span<const int64_t> dims = sig.in[0].dims;
    const int64_t rank = int64_t(dims.size()), at = axis < 0 ? axis + rank : axis;
    ArgShape s{1, 1, 1};
    if (rank > 0) {
      require(at >= 0 && at < rank, "axis ", axis, " of a tensor of rank ", rank);
      s = {sdk::element_count(dims.first(size_t(at))), dims[size_t(at)],
           sdk::element_count(dims.subspan(size_t(at) + 1))};
    }
    require(s.n > 0 || s.outer * s.inner == 0, "the largest of no elements has no index");
    return {[fn = find_arg(sig.in[0].dtype, max, last), s](const Buffers& b) {
      if (s.outer * s.inner != 0) fn(s, b.in[0], b.out[0]);
    }};
  };
  return c;
}

}  // namespace

std::span<const Op> reduce_ops() {
  static const std::vector<Op> ops = [] {
    std::vector<Op> rows;
    for (const Row& r : kRows) rows.push_back({"", r.name, supports, compile});
    for (const char* name : {"ArgMax", "ArgMin"}) rows.push_back({"", name, arg_supports, arg_compile});
    return rows;
  }();
  return ops;
}

}  // namespace hrt::cpu
