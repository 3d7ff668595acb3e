// SPDX-License-Identifier: Apache-2.0
// Activation functions as function objects on a vector of floats: what element-wise operators map over
// tensors, and what convolution and matrix products apply to their results while those are in registers.
// Names, parameters and definitions are those of the ONNX operators.
#pragma once

#include <optional>
#include <string_view>

#include "backends/cpu/kernels/vec_math.h"
#include "backends/cpu/op.h"

namespace hrt::cpu {

struct Activation {
  enum Kind : uint8_t {
    kIdentity,
    kRelu,
    kLeakyRelu,  // a = alpha
    kClip,       // a = min, b = max
    kSigmoid,
    kHardSigmoid,  // a = alpha, b = beta
    kHardSwish,
    kSwish,  // a = alpha: x sigmoid(alpha x)
    kTanh,
    kElu,              // a = alpha
    kSelu,             // a = alpha, b = gamma
    kCelu,             // a = alpha
    kThresholdedRelu,  // a = alpha
    kSoftplus,
    kSoftsign,
    kMish,
    kGelu,
    kGeluTanh
  };
  Kind kind = kIdentity;
  float a = 0, b = 0;
};

// The activation of a node of the ONNX operator with this name, its parameters read from the node's
// attributes under the operator's own names. Nothing when it is no activation. Clip, whose bounds are
// inputs, is not answered here.
std::optional<Activation> find_activation(std::string_view op, const Node& node);

// p[i] = act(p[i]).
void apply_activation(const Activation& act, float* p, int64_t n);

namespace act {

struct Identity {
  HWY_INLINE Vec operator()(Vec x) const { return x; }
};
struct Relu {
  HWY_INLINE Vec operator()(Vec x) const { return vec::at_least(x, vec::set(0.0f)); }
};
struct LeakyRelu {
  float alpha;
  HWY_INLINE Vec operator()(Vec x) const {
    return hn::IfThenElse(hn::Lt(x, vec::set(0.0f)), hn::Mul(x, vec::set(alpha)), x);
  }
};
struct Clip {
  float lo, hi;
  HWY_INLINE Vec operator()(Vec x) const {
    return vec::at_most(vec::at_least(x, vec::set(lo)), vec::set(hi));
  }
};
struct Sigmoid {
  HWY_INLINE Vec operator()(Vec x) const { return vec::sigmoid(x); }
};
struct HardSigmoid {
  float alpha, beta;
  HWY_INLINE Vec operator()(Vec x) const {
    return Clip{0, 1}(hn::MulAdd(x, vec::set(alpha), vec::set(beta)));
  }
};
struct HardSwish {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Mul(x, HardSigmoid{1.0f / 6, 0.5f}(x)); }
};
struct Swish {
  float alpha;
  HWY_INLINE Vec operator()(Vec x) const { return hn::Mul(x, vec::sigmoid(hn::Mul(x, vec::set(alpha)))); }
};
struct Tanh {
  HWY_INLINE Vec operator()(Vec x) const { return vec::tanh(x); }
};
struct Selu {  // Elu is that of gamma 1
  float alpha, gamma;
  HWY_INLINE Vec operator()(Vec x) const {
    const Vec below = hn::Mul(vec::set(alpha), vec::expm1_negative(vec::at_most(x, vec::set(0.0f))));
    return hn::Mul(vec::set(gamma), hn::IfThenElse(hn::Gt(x, vec::set(0.0f)), x, below));
  }
};
struct Celu {
  float alpha;
  HWY_INLINE Vec operator()(Vec x) const {
    const Vec below = vec::at_most(hn::Div(x, vec::set(alpha)), vec::set(0.0f));
    return hn::Add(vec::at_least(x, vec::set(0.0f)),
                   vec::at_most(hn::Mul(vec::set(alpha), vec::expm1_negative(below)), vec::set(0.0f)));
  }
};
struct ThresholdedRelu {
  float alpha;
  HWY_INLINE Vec operator()(Vec x) const { return hn::IfThenZeroElse(hn::Le(x, vec::set(alpha)), x); }
};
struct Softplus {
  HWY_INLINE Vec operator()(Vec x) const { return vec::softplus(x); }
};
struct Softsign {
  HWY_INLINE Vec operator()(Vec x) const { return hn::Div(x, hn::Add(vec::set(1.0f), hn::Abs(x))); }
};
struct Mish {
  HWY_INLINE Vec operator()(Vec x) const { return vec::mish(x); }
};
struct Gelu {
  HWY_INLINE Vec operator()(Vec x) const { return vec::gelu(x); }
};
struct GeluTanh {
  HWY_INLINE Vec operator()(Vec x) const { return vec::gelu_tanh(x); }
};

}  // namespace act

// Calls f with the function object for an activation.
template <class F>
void visit_activation(const Activation& a, F&& f) {
  switch (a.kind) {
    case Activation::kIdentity: return f(act::Identity{});
    case Activation::kRelu: return f(act::Relu{});
    case Activation::kLeakyRelu: return f(act::LeakyRelu{a.a});
    case Activation::kClip: return f(act::Clip{a.a, a.b});
    case Activation::kSigmoid: return f(act::Sigmoid{});
    case Activation::kHardSigmoid: return f(act::HardSigmoid{a.a, a.b});
    case Activation::kHardSwish: return f(act::HardSwish{});
    case Activation::kSwish: return f(act::Swish{a.a});
    case Activation::kTanh: return f(act::Tanh{});
    case Activation::kElu: return f(act::Selu{a.a, 1.0f});
    case Activation::kSelu: return f(act::Selu{a.a, a.b});
    case Activation::kCelu: return f(act::Celu{a.a});
    case Activation::kThresholdedRelu: return f(act::ThresholdedRelu{a.a});
    case Activation::kSoftplus: return f(act::Softplus{});
    case Activation::kSoftsign: return f(act::Softsign{});
    case Activation::kMish: return f(act::Mish{});
    case Activation::kGelu: return f(act::Gelu{});
    case Activation::kGeluTanh: return f(act::GeluTanh{});
  }
}

}  // namespace hrt::cpu
