// SPDX-License-Identifier: Apache-2.0
// Functions of one tensor, element by element: memory-bound for the cheap ones, so that all there is to
// do is to touch each element once and to write over the input where the plan allows it.
#include "backends/cpu/kernels/activation.h"
#include "backends/cpu/kernels/elementwise.h"
#include "backends/cpu/kernels/loops.h"

namespace hrt::cpu {
namespace {

// ------------------------------------------------------------------------- elementary functions

struct Exp {
  HWY_INLINE Vec operator()(Vec x) const { return vec::exp(x); }
  double operator()(double x) const { return std::exp(x); }
};
struct Log {
  HWY_INLINE Vec operator()(Vec x) const { return vec::log(x); }
  double operator()(double x) const { return std::log(x); }
};
struct Sqrt {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Sqrt(x); }
  double operator()(double x) const { return std::sqrt(x); }
};
struct Reciprocal {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Div(vec::set(1.0f), x); }
  double operator()(double x) const { return 1 / x; }
};
struct Floor {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Floor(x); }
  double operator()(double x) const { return std::floor(x); }
};
struct Ceil {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Ceil(x); }
  double operator()(double x) const { return std::ceil(x); }
};
struct Round {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Round(x); }
  double operator()(double x) const { return std::nearbyint(x); }
};
struct Erf {
  HWY_INLINE Vec operator()(Vec x) const { return vec::erf(x); }
  double operator()(double x) const { return std::erf(x); }
};
struct Sin {
  HWY_INLINE Vec operator()(Vec x) const { return vec::sin(x); }
  double operator()(double x) const { return std::sin(x); }
};
struct Cos {
  HWY_INLINE Vec operator()(Vec x) const { return vec::cos(x); }
  double operator()(double x) const { return std::cos(x); }
};
// Integers wrap around: -min is min.
struct Neg {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Neg(x); }
  double operator()(double x) const { return -x; }
  template <class T>
  T operator()(T x) const {
    return T(0 - std::make_unsigned_t<T>(x));
  }
};
struct Abs {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Abs(x); }
  double operator()(double x) const { return std::fabs(x); }
  template <class T>
  T operator()(T x) const {
    return x < 0 ? Neg{}(x) : x;
  }
};
struct Sign {  // NaN stays, as in numpy
  HWY_INLINE Vec operator()(Vec x) const {
    const Vec one = hn::CopySign(vec::set(1.0f), x);
    return hn::IfThenElse(hn::Gt(hn::Abs(x), vec::set(0.0f)), one, x);
  }
  double operator()(double x) const { return x > 0 ? 1 : x < 0 ? -1 : x; }
  template <class T>
  T operator()(T x) const {
    return T((x > 0) - (x < 0));
  }
};
struct Not {
  uint8_t operator()(uint8_t x) const { return !x; }
};
struct BitwiseNot {
  template <class T>
  T operator()(T x) const {
    return T(~x);
  }
};
struct IsNaN {
  template <class T>
  uint8_t operator()(T x) const {
    return x != x;
  }
};
// Rare ones are left to the C library.
template <double (*F)(double), float (*G)(float)>
struct Library {
  double operator()(double x) const { return F(x); }
  float operator()(float x) const { return G(x); }
};
using Tan = Library<std::tan, std::tan>;
using Asin = Library<std::asin, std::asin>;
using Acos = Library<std::acos, std::acos>;
using Atan = Library<std::atan, std::atan>;
using Sinh = Library<std::sinh, std::sinh>;
using Cosh = Library<std::cosh, std::cosh>;
using Asinh = Library<std::asinh, std::asinh>;
using Acosh = Library<std::acosh, std::acosh>;
using Atanh = Library<std::atanh, std::atanh>;

using MapFn = void (*)(const void* x, void* y, int64_t begin, int64_t end);

template <class F>
void map_float(const void* x, void* y, int64_t begin, int64_t end) {
  map(static_cast<const float*>(x) + begin, static_cast<float*>(y) + begin, end - begin, F{});
}
template <class T, class F, class R = T>
void map_plain(const void* x, void* y, int64_t begin, int64_t end) {
  const T* from = static_cast<const T*>(x);
  R* to = static_cast<R*>(y);
  for (int64_t i = begin; i < end; ++i) to[i] = F{}(from[i]);
}

struct Function {
  const char* name;
  hrt_dtype dtype;
  double ns;  // an element, estimated
  MapFn run;
};

// A function of floats, with vectors for float32.
template <class F>
void add_float(std::vector<Function>& rows, const char* name, double ns) {
  rows.push_back({name, HRT_FLOAT32, ns, map_float<F>});
  rows.push_back({name, HRT_FLOAT64, ns * 4, map_plain<double, F>});
}
template <class F, class... T>
void add_plain(std::vector<Function>& rows, const char* name, double ns = 0.2) {
  (rows.push_back({name, dtype_of<T>, ns, map_plain<T, F>}), ...);
}

const std::vector<Function>& functions() {
  static const std::vector<Function> all = [] {
    std::vector<Function> rows;
    add_float<Exp>(rows, "Exp", 0.4);
    add_float<Log>(rows, "Log", 0.5);
    add_float<Sqrt>(rows, "Sqrt", 0.2);
    add_float<Reciprocal>(rows, "Reciprocal", 0.2);
    add_float<Floor>(rows, "Floor", 0.1);
    add_float<Ceil>(rows, "Ceil", 0.1);
    add_float<Round>(rows, "Round", 0.1);
    add_float<Erf>(rows, "Erf", 0.8);
    add_float<Sin>(rows, "Sin", 0.8);
    add_float<Cos>(rows, "Cos", 0.8);
    add_plain<Tan, float, double>(rows, "Tan", 10);
    add_plain<Asin, float, double>(rows, "Asin", 10);
    add_plain<Acos, float, double>(rows, "Acos", 10);
    add_plain<Atan, float, double>(rows, "Atan", 10);
    add_plain<Sinh, float, double>(rows, "Sinh", 10);
    add_plain<Cosh, float, double>(rows, "Cosh", 10);
    add_plain<Asinh, float, double>(rows, "Asinh", 15);
    add_plain<Acosh, float, double>(rows, "Acosh", 15);
    add_plain<Atanh, float, double>(rows, "Atanh", 15);
    add_float<Neg>(rows, "Neg", 0.1);
    add_plain<Neg, int8_t, int16_t, int32_t, int64_t>(rows, "Neg");
    add_float<Abs>(rows, "Abs", 0.1);
    add_plain<Abs, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>(rows, "Abs");
    add_float<Sign>(rows, "Sign", 0.1);
    add_plain<Sign, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>(rows, "Sign");
    add_plain<BitwiseNot, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>(
        rows, "BitwiseNot");
    rows.push_back({"Not", HRT_BOOL, 0.05, map_plain<uint8_t, Not>});
    rows.push_back({"IsNaN", HRT_FLOAT32, 0.1, map_plain<float, IsNaN, uint8_t>});
    rows.push_back({"IsNaN", HRT_FLOAT64, 0.2, map_plain<double, IsNaN, uint8_t>});
    return rows;
  }();
  return all;
}

const Function* find_function(const Node& node) {
  const hrt_dtype dtype = widened(Value(node.graph(), node.input(0)).dtype());
  for (const Function& f : functions())
    if (node.op() == f.name && dtype == f.dtype) return &f;
  return nullptr;
}

std::string function_supports(const Node& node) {
  if (find_function(node)) return "";
  return sdk::cat("dtype ", dtype_name(Value(node.graph(), node.input(0)).dtype()));
}

Compiled function_compile(const Node& node) {
  const Function& f = *find_function(node);
  Compiled c;
  c.widens = true;
  c.arrange = arrange_elementwise;
  c.inplace = 1;
  c.prepare = [&f](const Signature& sig) -> Step {
    return {[&f, n = sig.in[0].stored()](const Buffers& b) {
      for_elements(n, f.ns, [&](int64_t begin, int64_t end) { f.run(b.in[0], b.out[0], begin, end); });
    }};
  };
  return c;
}

// ---------------------------------------------------------------------------------- activations

double activation_ns(Activation::Kind kind) {
  switch (kind) {
    case Activation::kIdentity:
    case Activation::kRelu:
    case Activation::kLeakyRelu:
    case Activation::kClip:
    case Activation::kHardSigmoid:
    case Activation::kHardSwish:
    case Activation::kThresholdedRelu: return 0.1;
    case Activation::kSoftsign: return 0.2;
    default: return 0.8;
  }
}

Compiled activation_compile(const Node& node) {
  const Activation act = *find_activation(node.op(), node);
  Compiled c;
  c.widens = true;
  c.arrange = arrange_elementwise;
  c.inplace = 1;
  c.prepare = [act](const Signature& sig) -> Step {
    return {[act, n = sig.in[0].stored()](const Buffers& b) {
      for_elements(n, activation_ns(act.kind), [&](int64_t begin, int64_t end) {
        visit_activation(
            act, [&](auto f) { map(b.input<float>(0) + begin, b.output<float>(0) + begin, end - begin, f); });
      });
    }};
  };
  return c;
}

// ------------------------------------------------------------------------------- Shrink and IsInf

Compiled shrink_compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.arrange = arrange_elementwise;
  c.inplace = 1;
  c.prepare = [bias = node.f("bias", 0), lambd = node.f("lambd", 0.5f)](const Signature& sig) -> Step {
    return {[=, n = sig.in[0].stored()](const Buffers& b) {
      const Vec shift = vec::set(bias), low = vec::set(-lambd), high = vec::set(lambd);
      for_elements(n, 0.1, [&](int64_t begin, int64_t end) {
        map(b.input<float>(0) + begin, b.output<float>(0) + begin, end - begin, [&](Vec x) {
          const Vec above = hn::IfThenElseZero(hn::Gt(x, high), hn::Sub(x, shift));
          return hn::IfThenElse(hn::Lt(x, low), hn::Add(x, shift), above);
        });
      });
    }};
  };
  return c;
}

std::string is_inf_supports(const Node& node) {
  const hrt_dtype t = widened(Value(node.graph(), node.input(0)).dtype());
  return t == HRT_FLOAT32 || t == HRT_FLOAT64 ? "" : sdk::cat("dtype ", dtype_name(t));
}

// The infinities that are asked for; NaN where none is, which equals nothing.
template <class T>
Step is_inf_step(int64_t n, bool negative, bool positive) {
  using Limits = std::numeric_limits<T>;
  const T low = negative ? -Limits::infinity() : Limits::quiet_NaN();
  const T high = positive ? Limits::infinity() : Limits::quiet_NaN();
  return {[=](const Buffers& b) {
    for_elements(n, 0.1, [&](int64_t begin, int64_t end) {
      const T* x = b.input<T>(0);
      uint8_t* y = b.output<uint8_t>(0);
      for (int64_t i = begin; i < end; ++i) y[i] = (x[i] == low) | (x[i] == high);
    });
  }};
}

Compiled is_inf_compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.prepare = [negative = node.i("detect_negative", 1) != 0,
               positive = node.i("detect_positive", 1) != 0](const Signature& sig) {
    const int64_t n = sig.in[0].count();
    return sig.in[0].dtype == HRT_FLOAT64 ? is_inf_step<double>(n, negative, positive)
                                          : is_inf_step<float>(n, negative, positive);
  };
  return c;
}

// ----------------------------------------------------------------------------------------- Clip

template <class T>
void clip(const T* x, T* y, int64_t n, T lo, T hi) {
  for (int64_t i = 0; i < n; ++i) y[i] = std::min(std::max(x[i], lo), hi);
}
void clip(const float* x, float* y, int64_t n, float lo, float hi) { map(x, y, n, act::Clip{lo, hi}); }

template <class T>
Step clip_step(int64_t n) {
  using Limits = std::numeric_limits<T>;
  return {[n](const Buffers& b) {
    const T lo = b.in[1] ? *b.input<T>(1) : Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    const T hi = b.in[2] ? *b.input<T>(2) : Limits::has_infinity ? Limits::infinity() : Limits::max();
    for_elements(n, 0.03 * sizeof(T), [&](int64_t begin, int64_t end) {
      clip(b.input<T>(0) + begin, b.output<T>(0) + begin, end - begin, lo, hi);
    });
  }};
}

using ClipStep = Step (*)(int64_t n);
ClipStep find_clip(hrt_dtype dtype) {
  switch (dtype) {
    case HRT_FLOAT32: return clip_step<float>;
    case HRT_FLOAT64: return clip_step<double>;
    case HRT_INT8: return clip_step<int8_t>;
    case HRT_UINT8: return clip_step<uint8_t>;
    case HRT_INT16: return clip_step<int16_t>;
    case HRT_UINT16: return clip_step<uint16_t>;
    case HRT_INT32: return clip_step<int32_t>;
    case HRT_UINT32: return clip_step<uint32_t>;
    case HRT_INT64: return clip_step<int64_t>;
    case HRT_UINT64: return clip_step<uint64_t>;
    default: return nullptr;
  }
}

std::string clip_supports(const Node& node) {
  const hrt_dtype dtype = widened(Value(node.graph(), node.input(0)).dtype());
  return find_clip(dtype) ? "" : sdk::cat("dtype ", dtype_name(dtype));
}

// The bounds are scalars of their own and do not take part in layouts.
void clip_arrange(Signature& sig) {
  if (sig.in[0].layout == Layout::kBlocked) sig.out[0].layout = Layout::kBlocked;
  for (size_t i = 1; i < sig.in.size(); ++i) sig.in[i].layout = Layout::kPlain;
}

Compiled clip_compile(const Node&) {
  Compiled c;
  c.widens = true;
  c.arrange = clip_arrange;
  c.inplace = 1;
  c.prepare = [](const Signature& sig) {
    for (size_t i = 1; i < sig.in.size(); ++i)
      require(!sig.in[i].present() || sig.in[i].count() == 1, "Clip: bound of shape ", sig.in[i].dims);
    Step inner = find_clip(sig.in[0].dtype)(sig.in[0].stored());
    // Absent trailing inputs are not in the list that run gets.
    return Step{[run = std::move(inner.run), inputs = sig.in.size()](const Buffers& b) {
      const void* in[3] = {b.in[0], inputs > 1 ? b.in[1] : nullptr, inputs > 2 ? b.in[2] : nullptr};
      run(Buffers{in, b.out, b.workspace});
    }};
  };
  return c;
}

}  // namespace

std::optional<Activation> find_activation(std::string_view op, const Node& node) {
  using A = Activation;
  if (op == "Relu") return A{A::kRelu};
  if (op == "LeakyRelu") return A{A::kLeakyRelu, node.f("alpha", 0.01f)};
  if (op == "Sigmoid") return A{A::kSigmoid};
  if (op == "HardSigmoid") return A{A::kHardSigmoid, node.f("alpha", 0.2f), node.f("beta", 0.5f)};
  if (op == "HardSwish") return A{A::kHardSwish};
  if (op == "Swish") return A{A::kSwish, node.f("alpha", 1.0f)};
  if (op == "Tanh") return A{A::kTanh};
  if (op == "Elu") return A{A::kElu, node.f("alpha", 1.0f)};
  if (op == "Selu") return A{A::kSelu, node.f("alpha", 1.67326319f), node.f("gamma", 1.05070102f)};
  if (op == "Celu") return A{A::kCelu, node.f("alpha", 1.0f)};
  if (op == "ThresholdedRelu") return A{A::kThresholdedRelu, node.f("alpha", 1.0f)};
  if (op == "Softplus") return A{A::kSoftplus};
  if (op == "Softsign") return A{A::kSoftsign};
  if (op == "Mish") return A{A::kMish};
  if (op == "Gelu") return A{node.s("approximate", "none") == "tanh" ? A::kGeluTanh : A::kGelu};
  return std::nullopt;
}

void apply_activation(const Activation& act, float* p, int64_t n) {
  visit_activation(act, [&](auto f) { map(p, p, n, f); });
}

std::span<const Op> unary_ops() {
  static const std::vector<Op> ops = [] {
    std::vector<Op> rows;
    const Function* last = nullptr;
    for (const Function& f : functions()) {
      if (!last || std::string_view(last->name) != f.name)
        rows.push_back({"", f.name, function_supports, function_compile});
      last = &f;
    }
    for (const char* name :
         {"Relu", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Tanh", "Elu", "Selu", "Celu",
          "ThresholdedRelu", "Softplus", "Softsign", "Mish", "Gelu"})
      rows.push_back({"", name, floats_only, activation_compile});
    rows.push_back({"", "Shrink", floats_only, shrink_compile});
    rows.push_back({"", "IsInf", is_inf_supports, is_inf_compile});
    rows.push_back({"", "Clip", clip_supports, clip_compile});
    return rows;
  }();
  return ops;
}

}  // namespace hrt::cpu
