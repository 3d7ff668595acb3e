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
};
struct Log {
  HWY_INLINE Vec operator()(Vec x) const { return vec::log(x); }
};
struct Sqrt {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Sqrt(x); }
};
struct Reciprocal {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Div(vec::set(1.0f), x); }
};
struct Floor {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Floor(x); }
};
struct Ceil {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Ceil(x); }
};
struct Round {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Round(x); }
};
struct Erf {
  HWY_INLINE Vec operator()(Vec x) const { return vec::erf(x); }
};
struct Sin {
  HWY_INLINE Vec operator()(Vec x) const { return vec::sin(x); }
};
struct Cos {
  HWY_INLINE Vec operator()(Vec x) const { return vec::cos(x); }
};
// Integers wrap around: -min is min.
struct Neg {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Neg(x); }
  template <class T>
  T operator()(T x) const {
    return T(0 - std::make_unsigned_t<T>(x));
  }
};
struct Abs {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Abs(x); }
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
  template <class T>
  T operator()(T x) const {
    return T((x > 0) - (x < 0));
  }
};
struct Not {
  uint8_t operator()(uint8_t x) const { return !x; }
};

using MapFn = void (*)(const void* x, void* y, int64_t begin, int64_t end);

template <class F>
void map_float(const void* x, void* y, int64_t begin, int64_t end) {
  map(static_cast<const float*>(x) + begin, static_cast<float*>(y) + begin, end - begin, F{});
}
template <class T, class F>
void map_plain(const void* x, void* y, int64_t begin, int64_t end) {
  const T* from = static_cast<const T*>(x);
  T* to = static_cast<T*>(y);
  for (int64_t i = begin; i < end; ++i) to[i] = F{}(from[i]);
}

struct Function {
  const char* name;
  hrt_dtype dtype;
  double ns;  // an element, estimated
  MapFn run;
};
constexpr Function kFunctions[] = {
    {"Exp", HRT_FLOAT32, 0.4, map_float<Exp>},
    {"Log", HRT_FLOAT32, 0.5, map_float<Log>},
    {"Sqrt", HRT_FLOAT32, 0.2, map_float<Sqrt>},
    {"Reciprocal", HRT_FLOAT32, 0.2, map_float<Reciprocal>},
    {"Floor", HRT_FLOAT32, 0.1, map_float<Floor>},
    {"Ceil", HRT_FLOAT32, 0.1, map_float<Ceil>},
    {"Round", HRT_FLOAT32, 0.1, map_float<Round>},
    {"Erf", HRT_FLOAT32, 0.8, map_float<Erf>},
    {"Sin", HRT_FLOAT32, 0.8, map_float<Sin>},
    {"Cos", HRT_FLOAT32, 0.8, map_float<Cos>},
    {"Neg", HRT_FLOAT32, 0.1, map_float<Neg>},
    {"Neg", HRT_INT32, 0.1, map_plain<int32_t, Neg>},
    {"Neg", HRT_INT64, 0.2, map_plain<int64_t, Neg>},
    {"Abs", HRT_FLOAT32, 0.1, map_float<Abs>},
    {"Abs", HRT_INT32, 0.1, map_plain<int32_t, Abs>},
    {"Abs", HRT_INT64, 0.2, map_plain<int64_t, Abs>},
    {"Sign", HRT_FLOAT32, 0.1, map_float<Sign>},
    {"Sign", HRT_INT32, 0.1, map_plain<int32_t, Sign>},
    {"Sign", HRT_INT64, 0.2, map_plain<int64_t, Sign>},
    {"Not", HRT_BOOL, 0.05, map_plain<uint8_t, Not>},
};

const Function* find_function(const Node& node) {
  const hrt_dtype dtype = Value(node.graph(), node.input(0)).dtype();
  for (const Function& f : kFunctions)
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
    case HRT_INT8: return clip_step<int8_t>;
    case HRT_UINT8: return clip_step<uint8_t>;
    case HRT_INT32: return clip_step<int32_t>;
    case HRT_INT64: return clip_step<int64_t>;
    default: return nullptr;
  }
}

std::string clip_supports(const Node& node) {
  const hrt_dtype dtype = Value(node.graph(), node.input(0)).dtype();
  return find_clip(dtype) ? "" : sdk::cat("dtype ", dtype_name(dtype));
}

// The bounds are scalars of their own and do not take part in layouts.
void clip_arrange(Signature& sig) {
  if (sig.in[0].layout == Layout::kBlocked) sig.out[0].layout = Layout::kBlocked;
  for (size_t i = 1; i < sig.in.size(); ++i) sig.in[i].layout = Layout::kPlain;
}

Compiled clip_compile(const Node&) {
  Compiled c;
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
    for (const Function& f : kFunctions) {
      if (!last || std::string_view(last->name) != f.name)
        rows.push_back({"", f.name, function_supports, function_compile});
      last = &f;
    }
    for (const char* name :
         {"Relu", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Tanh", "Elu", "Selu", "Celu",
          "ThresholdedRelu", "Softplus", "Softsign", "Mish", "Gelu"})
      rows.push_back({"", name, float32_only, activation_compile});
    rows.push_back({"", "Clip", clip_supports, clip_compile});
    return rows;
  }();
  return ops;
}

}  // namespace hrt::cpu
