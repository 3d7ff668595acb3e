// SPDX-License-Identifier: Apache-2.0
// Functions of two tensors (or of more, two by two), element by element with numpy broadcasting. The
// loop nest (broadcast.h) leaves rows in which each input is contiguous or one repeated element: the
// inner loops are those four cases.
#include <array>
#include <cmath>
#include <limits>

#include "backends/cpu/kernels/broadcast.h"
#include "backends/cpu/kernels/elementwise.h"
#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/vec_math.h"

namespace hrt::cpu {
namespace {

// ---------------------------------------------------------------------------------- functions

// Integer arithmetic wraps around; in the unsigned type, where that is defined.
template <class T>
struct Wrapped : std::type_identity<T> {};
template <class T>
  requires std::is_integral_v<T>
struct Wrapped<T> : std::common_type<std::make_unsigned_t<T>, unsigned> {};  // shorter ones become int
template <class T>
using Wrap = Wrapped<T>::type;

struct Add {
  HWY_INLINE Vec operator()(Vec a, Vec b) const { return hn::Add(a, b); }
  template <class T>
  T operator()(T a, T b) const {
    return T(Wrap<T>(a) + Wrap<T>(b));
  }
};
struct Sub {
  HWY_INLINE Vec operator()(Vec a, Vec b) const { return hn::Sub(a, b); }
  template <class T>
  T operator()(T a, T b) const {
    return T(Wrap<T>(a) - Wrap<T>(b));
  }
};
struct Mul {
  HWY_INLINE Vec operator()(Vec a, Vec b) const { return hn::Mul(a, b); }
  template <class T>
  T operator()(T a, T b) const {
    return T(Wrap<T>(a) * Wrap<T>(b));
  }
};
struct Div {  // integers: truncates; b is not zero
  HWY_INLINE Vec operator()(Vec a, Vec b) const { return hn::Div(a, b); }
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_signed_v<T> && std::is_integral_v<T>)
      if (b == T(-1)) return T(0 - Wrap<T>(a));
    return T(a / b);
  }
};
struct Max {
  HWY_INLINE Vec operator()(Vec a, Vec b) const { return vec::maximum(a, b); }
  template <class T>
  T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};
struct Min {
  HWY_INLINE Vec operator()(Vec a, Vec b) const { return vec::minimum(a, b); }
  template <class T>
  T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
};
struct Pow {
  HWY_INLINE Vec operator()(Vec a, Vec b) const { return vec::pow(a, b); }
};
struct PRelu {
  HWY_INLINE Vec operator()(Vec x, Vec slope) const {
    return hn::IfThenElse(hn::Lt(x, vec::set(0.0f)), hn::Mul(x, slope), x);
  }
  template <class T>
  T operator()(T x, T slope) const {
    return x < 0 ? Mul{}(x, slope) : x;
  }
};
struct Fmod {  // sign of the dividend
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::fmod(a, b);
    else
      return std::is_signed_v<T> && b == T(-1) ? T(0) : T(a % b);
  }
};
struct Mod {  // integers, sign of the divisor
  template <class T>
  T operator()(T a, T b) const {
    const T r = Fmod{}(a, b);
    return r != 0 && (r < 0) != (b < 0) ? T(r + b) : r;
  }
};
struct Equal {
  template <class T>
  bool operator()(T a, T b) const {
    return a == b;
  }
};
struct Greater {
  template <class T>
  bool operator()(T a, T b) const {
    return a > b;
  }
};
struct Less {
  template <class T>
  bool operator()(T a, T b) const {
    return a < b;
  }
};
struct GreaterOrEqual {
  template <class T>
  bool operator()(T a, T b) const {
    return a >= b;
  }
};
struct LessOrEqual {
  template <class T>
  bool operator()(T a, T b) const {
    return a <= b;
  }
};
struct And {
  template <class T>
  T operator()(T a, T b) const {
    return T(a & b);
  }
};
struct Or {
  template <class T>
  T operator()(T a, T b) const {
    return T(a | b);
  }
};
struct Xor {
  template <class T>
  T operator()(T a, T b) const {
    return T(a ^ b);
  }
};

// Everything is shifted out from the width of the type on.
struct ShiftLeft {
  template <class T>
  T operator()(T a, T b) const {
    return b >= sizeof(T) * 8 ? T(0) : T(uint64_t(a) << b);
  }
};
struct ShiftRight {
  template <class T>
  T operator()(T a, T b) const {
    return b >= sizeof(T) * 8 ? T(0) : T(a >> b);
  }
};

// ------------------------------------------------------------------------------------- the loops

// Computes a run of rows. row: the row strides of the inputs, 0 or 1.
using RowsFn = void (*)(const RowRun& run, const int64_t* row, const void* const* in, void* out);

// Calls f with the two row strides as constants.
template <class F>
HWY_INLINE void with_strides(const int64_t* row, F&& f) {
  using Zero = std::integral_constant<int, 0>;
  using One = std::integral_constant<int, 1>;
  if (row[0]) return row[1] ? f(One{}, One{}) : f(One{}, Zero{});
  return row[1] ? f(Zero{}, One{}) : f(Zero{}, Zero{});
}

template <class F>
void float_rows(const RowRun& r, const int64_t* row, const void* const* in, void* out) {
  const float* a = static_cast<const float*>(in[0]) + r.offset[0];
  const float* b = static_cast<const float*>(in[1]) + r.offset[1];
  float* y = static_cast<float*>(out) + r.out;
  with_strides(row, [&](auto sa, auto sb) {
    for (int64_t j = 0; j < r.m; ++j)
      map2<sa, sb>(a + j * r.step[0], b + j * r.step[1], y + j * r.n, r.n, F{});
  });
}

template <class T, class R, class F>
void plain_rows(const RowRun& r, const int64_t* row, const void* const* in, void* out) {
  const T* a = static_cast<const T*>(in[0]) + r.offset[0];
  const T* b = static_cast<const T*>(in[1]) + r.offset[1];
  R* y = static_cast<R*>(out) + r.out;
  // Copies that a store of bytes cannot change: the loop could not be vectorised.
  const int64_t n = r.n, step_a = r.step[0], step_b = r.step[1];
  with_strides(row, [=, m = r.m](auto sa, auto sb) mutable {
    for (; m > 0; --m, a += step_a, b += step_b, y += n)
      for (int64_t i = 0; i < n; ++i) y[i] = R(F{}(a[sa * i], b[sb * i]));
  });
}

// The same for types that are rare: one loop for all strides.
template <class T, class R, class F>
void strided_rows(const RowRun& r, const int64_t* row, const void* const* in, void* out) {
  const T* a = static_cast<const T*>(in[0]) + r.offset[0];
  const T* b = static_cast<const T*>(in[1]) + r.offset[1];
  R* y = static_cast<R*>(out) + r.out;
  const int64_t sa = row[0], sb = row[1], n = r.n, step_a = r.step[0], step_b = r.step[1];
  for (int64_t j = 0, m = r.m; j < m; ++j, a += step_a, b += step_b, y += n)
    for (int64_t i = 0; i < n; ++i) y[i] = R(F{}(a[sa * i], b[sb * i]));
}

struct Function {
  const char* name;
  double ns;             // an element, estimated
  bool divides = false;  // integers
  RowsFn rows[HRT_DTYPE_COUNT] = {};

  RowsFn get(hrt_dtype dtype) const { return rows[widened(dtype)]; }

  // Result: void for that of the operands' type.
  template <class Result, class F, class... T>
  constexpr Function& fast() {
    ((rows[dtype_of<T>] = plain_rows<T, std::conditional_t<std::is_void_v<Result>, T, Result>, F>), ...);
    return *this;
  }
  template <class Result, class F, class... T>
  constexpr Function& rare() {
    ((rows[dtype_of<T>] = strided_rows<T, std::conditional_t<std::is_void_v<Result>, T, Result>, F>), ...);
    return *this;
  }
};

template <class F>
constexpr Function arithmetic(const char* name, bool divides = false) {
  Function f{name, 0.15, divides};
  f.rows[HRT_FLOAT32] = float_rows<F>;
  return f.fast<void, F, double, int32_t, int64_t>()
      .template rare<void, F, int8_t, int16_t, uint8_t, uint16_t, uint32_t, uint64_t>();
}
template <class F>
constexpr Function comparison(const char* name) {
  Function f{name, 0.15};
  f.fast<uint8_t, F, float, double, int32_t, int64_t, uint8_t>();
  f.rare<uint8_t, F, int8_t, int16_t, uint16_t, uint32_t, uint64_t>();
  f.rows[HRT_BOOL] = f.rows[HRT_UINT8];
  return f;
}
template <class F>
constexpr Function logical(const char* name) {
  Function f{name, 0.05};
  f.rows[HRT_BOOL] = plain_rows<uint8_t, uint8_t, F>;
  return f;
}
template <class F>
constexpr Function bitwise(const char* name) {
  Function f{name, 0.1};
  return f.fast<void, F, uint8_t, int32_t, int64_t>()
      .template rare<void, F, int8_t, int16_t, uint16_t, uint32_t, uint64_t>();
}
template <class F>
constexpr Function shift(const char* name) {
  return Function{name, 0.3}.rare<void, F, uint8_t, uint16_t, uint32_t, uint64_t>();
}
template <class F>
constexpr Function remainder(const char* name) {
  return Function{name, 5.0, true}
      .rare<void, F, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>();
}
template <class F>
constexpr Function float_only(const char* name, double ns) {
  Function f{name, ns};
  f.rows[HRT_FLOAT32] = float_rows<F>;
  return f;
}

constexpr Function kFunctions[] = {
    arithmetic<Add>("Add"),
    arithmetic<Sub>("Sub"),
    arithmetic<Mul>("Mul"),
    arithmetic<Div>("Div", true),
    arithmetic<Max>("Max"),
    arithmetic<Min>("Min"),
    arithmetic<Add>("Sum"),
    float_only<Add>("Mean", 0.15),
    float_only<Pow>("Pow", 4.0),
    float_only<PRelu>("PRelu", 0.15).rare<void, PRelu, double, int32_t, int64_t, uint32_t, uint64_t>(),
    comparison<Equal>("Equal"),
    comparison<Greater>("Greater"),
    comparison<Less>("Less"),
    comparison<GreaterOrEqual>("GreaterOrEqual"),
    comparison<LessOrEqual>("LessOrEqual"),
    logical<And>("And"),
    logical<Or>("Or"),
    logical<Xor>("Xor"),
    bitwise<And>("BitwiseAnd"),
    bitwise<Or>("BitwiseOr"),
    bitwise<Xor>("BitwiseXor"),
    remainder<Mod>("Mod"),
};
constexpr Function kFmod = remainder<Fmod>("Mod").rare<void, Fmod, float, double>();
constexpr Function kShiftLeft = shift<ShiftLeft>("BitShift"), kShiftRight = shift<ShiftRight>("BitShift");

const Function& find_function(const Node& node) {
  if (node.op() == "Mod" && node.i("fmod")) return kFmod;
  if (node.op() == "BitShift") return node.s("direction") == "LEFT" ? kShiftLeft : kShiftRight;
  for (const Function& f : kFunctions)
    if (node.op() == f.name) return f;
  unsupported("operator ", node.op());
}

std::string supports(const Node& node) {
  const Graph graph(node.graph());
  const hrt_dtype dtype = graph.value(node.input(0)).dtype();
  if (!find_function(node).get(dtype)) return sdk::cat("dtype ", dtype_name(dtype));
  for (const uint32_t id : node.inputs())
    if (graph.value(id).dtype() != dtype) return "inputs of different types";
  if (node.op() == "BitShift" && node.s("direction") != "LEFT" && node.s("direction") != "RIGHT")
    return sdk::cat("direction ", node.s("direction"));
  return "";
}

void check_divisor(hrt_dtype dtype, const void* data, int64_t n, std::string_view op) {
  if (dtype == HRT_FLOAT32 || dtype == HRT_FLOAT64) return;
  const auto has_zero = [&]<class T>(T zero) {
    const T* p = static_cast<const T*>(data);
    return std::find(p, p + n, zero) != p + n;
  };
  const size_t width = dtype_bytes(dtype);
  const bool bad = width == 1   ? has_zero(uint8_t(0))
                   : width == 2 ? has_zero(uint16_t(0))
                   : width == 4 ? has_zero(uint32_t(0))
                                : has_zero(uint64_t(0));
  require(!bad, op, ": integer division by zero");
}

Compiled binary_compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.arrange = arrange_elementwise;
  c.inplace = 3;
  c.prepare = [&f = find_function(node)](const Signature& sig) -> Step {
    const Dims in[] = {sig.in[0].physical(), sig.in[1].physical()};
    const hrt_dtype dtype = sig.in[0].dtype;
    const int64_t divisors = f.divides ? sig.in[1].stored() : 0;
    return {[&f, fn = f.get(dtype), plan = make_broadcast(sig.out[0].physical(), in), dtype,
             divisors](const Buffers& b) {
      check_divisor(dtype, b.in[1], divisors, f.name);
      const int64_t row[] = {plan.row_stride(0), plan.row_stride(1)};
      for_rows(plan, f.ns, [&](const RowRun& run) { fn(run, row, b.in, b.out[0]); });
    }};
  };
  return c;
}

// ------------------------------------------------------------------------------------- variadic

// Sum, Mean, Max, Min of any number of inputs: the first two into the output, then the others one by
// one. An output over one of those others would destroy it.
Compiled variadic_compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.arrange = arrange_elementwise;
  c.inplace = node.inputs().size() > 1 ? 3 : 1;
  c.prepare = [&f = find_function(node), mean = node.op() == "Mean"](const Signature& sig) -> Step {
    const Dims out = sig.out[0].physical();
    const size_t count = sig.in.size();
    std::vector<Broadcast> plans;
    for (size_t i = 1; i < count; ++i) {
      const Dims in[] = {i == 1 ? sig.in[0].physical() : out, sig.in[i].physical()};
      plans.push_back(make_broadcast(out, in));
    }
    const size_t bytes = size_t(sig.out[0].stored()) * dtype_bytes(sig.out[0].dtype);
    const int64_t mean_of = mean ? sig.out[0].stored() : 0;
    return {
        [&f, fn = f.get(sig.in[0].dtype), plans = std::move(plans), bytes, mean_of, count](const Buffers& b) {
          if (count == 1 && bytes && b.out[0] != b.in[0]) std::memcpy(b.out[0], b.in[0], bytes);
          for (size_t i = 0; i < plans.size(); ++i) {
            const void* const in[] = {i == 0 ? b.in[0] : b.out[0], b.in[i + 1]};
            const int64_t row[] = {plans[i].row_stride(0), plans[i].row_stride(1)};
            for_rows(plans[i], f.ns, [&](const RowRun& run) { fn(run, row, in, b.out[0]); });
          }
          for_elements(count > 1 ? mean_of : 0, 0.1, [&](int64_t begin, int64_t end) {
            const Vec divisor = vec::set(float(count));
            float* y = b.output<float>(0) + begin;
            map(y, y, end - begin, [&](Vec x) { return hn::Div(x, divisor); });
          });
        }};
  };
  return c;
}

// ------------------------------------------------------------------------------------------ Pow

// The exponent of a Pow whose exponent is one known number of any type.
std::optional<float> known_exponent(hrt_dtype dtype, int64_t count, const void* data) {
  if (!data || count != 1) return std::nullopt;
  switch (dtype) {
    case HRT_FLOAT32: return *static_cast<const float*>(data);
    case HRT_FLOAT64: return float(*static_cast<const double*>(data));
    case HRT_FLOAT16: return float(*static_cast<const float16*>(data));
    case HRT_BFLOAT16: return float(*static_cast<const bfloat16*>(data));
    case HRT_INT32: return float(*static_cast<const int32_t*>(data));
    case HRT_INT64: return float(*static_cast<const int64_t*>(data));
    default: return std::nullopt;
  }
}

std::string pow_supports(const Node& node) {
  const Value base = Graph(node.graph()).value(node.input(0)),
              power = Graph(node.graph()).value(node.input(1));
  if (widened(base.dtype()) != HRT_FLOAT32) return sdk::cat("dtype ", dtype_name(base.dtype()));
  if (widened(power.dtype()) == HRT_FLOAT32) return "";
  const auto known = power.constant();
  if (known && known_exponent(known->dtype(), known->size(), known->raw())) return "";
  return sdk::cat("exponent of dtype ", dtype_name(power.dtype()), " that is no constant number");
}

// x^p for p with a short form; false when there is none. The same values as vec::pow gives.
bool short_pow(float p, const float* x, float* y, int64_t n) {
  if (p == 2.0f) return map(x, y, n, [](Vec v) { return hn::Mul(v, v); }), true;
  if (p == 1.0f) return map(x, y, n, [](Vec v) { return v; }), true;
  if (p == -1.0f) return map(x, y, n, [](Vec v) { return hn::Div(vec::set(1.0f), v); }), true;
  if (p == 0.5f) {
    map(x, y, n, [](Vec v) {  // pow has no negative zero here, and infinity for its negative
      const auto infinite = hn::Eq(v, vec::set(-HUGE_VALF));
      return hn::IfThenElse(infinite, vec::set(HUGE_VALF), hn::Sqrt(hn::Add(v, vec::set(0.0f))));
    });
    return true;
  }
  return false;
}

Step pow_step(const Signature& sig, float p) {
  return {[p, n = sig.in[0].stored()](const Buffers& b) {
    for_elements(n, 0.5, [&](int64_t begin, int64_t end) {
      const float* x = b.input<float>(0) + begin;
      float* y = b.output<float>(0) + begin;
      if (!short_pow(p, x, y, end - begin)) map2<1, 0>(x, &p, y, end - begin, Pow{});
    });
  }};
}

Compiled pow_compile(const Node& node) {
  // The exponent is read here: as an integer it would keep inputs from being blocked together.
  std::optional<float> fixed;
  if (const auto known = Graph(node.graph()).value(node.input(1)).constant())
    fixed = known_exponent(known->dtype(), known->size(), known->raw());
  Compiled c = binary_compile(node);
  if (!fixed) return c;
  c.inplace = 1;
  c.arrange = [](Signature& sig) {
    if (sig.in[0].layout == Layout::kBlocked && sig.in[0].dims == sig.out[0].dims)
      sig.out[0].layout = Layout::kBlocked;
    else
      sig.in[0].layout = Layout::kPlain;
  };
  c.prepare = [p = *fixed](const Signature& sig) { return pow_step(sig, p); };
  return c;
}

// ---------------------------------------------------------------------------------------- Where

template <class T, int kC, int kX, int kY>
void where_run(const RowRun& r, const uint8_t* c, const T* x, const T* y, T* out) {
  const RowRun run = r;  // a copy that a store of bytes cannot change
  for (int64_t j = 0; j < run.m; ++j, c += run.step[0], x += run.step[1], y += run.step[2], out += run.n)
    for (int64_t i = 0; i < run.n; ++i) {
      const T a = x[kX * i], b = y[kY * i];
      out[i] = c[kC * i] ? a : b;
    }
}

template <class T>
void where_rows(const RowRun& r, const int64_t* row, const void* const* in, void* out) {
  using Fn = void (*)(const RowRun&, const uint8_t*, const T*, const T*, T*);
  static constexpr Fn kFns[] = {where_run<T, 0, 0, 0>, where_run<T, 0, 0, 1>, where_run<T, 0, 1, 0>,
                                where_run<T, 0, 1, 1>, where_run<T, 1, 0, 0>, where_run<T, 1, 0, 1>,
                                where_run<T, 1, 1, 0>, where_run<T, 1, 1, 1>};
  kFns[row[0] * 4 + row[1] * 2 + row[2]](
      r, static_cast<const uint8_t*>(in[0]) + r.offset[0], static_cast<const T*>(in[1]) + r.offset[1],
      static_cast<const T*>(in[2]) + r.offset[2], static_cast<T*>(out) + r.out);
}

RowsFn find_where(hrt_dtype dtype) {
  switch (dtype_bytes(dtype)) {
    case 1: return where_rows<uint8_t>;
    case 2: return where_rows<uint16_t>;
    case 4: return where_rows<uint32_t>;
    case 8: return where_rows<uint64_t>;
    case 16: return where_rows<std::array<uint64_t, 2>>;
    default: return nullptr;
  }
}

std::string where_supports(const Node& node) {
  const hrt_dtype dtype = Graph(node.graph()).value(node.input(1)).dtype();
  return find_where(dtype) ? "" : sdk::cat("dtype ", dtype_name(dtype));
}

Compiled where_compile(const Node&) {
  Compiled c;
  c.inplace = 6;
  c.prepare = [](const Signature& sig) -> Step {
    const Dims in[] = {sig.in[0].dims, sig.in[1].dims, sig.in[2].dims};
    return {
        [plan = make_broadcast(sig.out[0].dims, in), fn = find_where(sig.out[0].dtype)](const Buffers& b) {
          const int64_t row[] = {plan.row_stride(0), plan.row_stride(1), plan.row_stride(2)};
          for_rows(plan, 0.2, [&](const RowRun& run) { fn(run, row, b.in, b.out[0]); });
        }};
  };
  return c;
}

}  // namespace

std::span<const Op> binary_ops() {
  static const std::vector<Op> ops = [] {
    std::vector<Op> rows;
    for (const char* name :
         {"Add", "Sub", "Mul", "Div", "Mod", "PRelu", "Equal", "Greater", "Less", "GreaterOrEqual",
          "LessOrEqual", "And", "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift"})
      rows.push_back({"", name, supports, binary_compile});
    for (const char* name : {"Max", "Min", "Sum", "Mean"})
      rows.push_back({"", name, supports, variadic_compile});
    rows.push_back({"", "Pow", pow_supports, pow_compile});
    rows.push_back({"", "Where", where_supports, where_compile});
    return rows;
  }();
  return ops;
}

}  // namespace hrt::cpu
