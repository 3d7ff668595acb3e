// SPDX-License-Identifier: Apache-2.0
// The activation functions that have parameters or that fused operators apply, each written once, and
// `Activation`: the function that the attributes `activation` and `activation_params` of a fused operator
// name. T is a type to compute in (acc_t).
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "op.h"

namespace hrt::ops {

template <class T>
T relu(T x) {
  return x < 0 ? T(0) : x;
}
template <class T>
T leaky_relu(T x, T alpha) {
  return x < 0 ? alpha * x : x;
}
template <class T>
T clip(T x, T low, T high) {  // high wins where low is above it; NaN stays
  const T v = x < low ? low : x;
  return v > high ? high : v;
}
template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}
template <class T>
T hard_sigmoid(T x, T alpha, T beta) {
  return clip(alpha * x + beta, T(0), T(1));
}
template <class T>
T hard_swish(T x) {
  return x * hard_sigmoid(x, T(1) / 6, T(0.5));
}
template <class T>
T swish(T x, T alpha) {
  return x * sigmoid(alpha * x);
}
template <class T>
T softplus(T x) {  // log(1 + exp(x)), without overflow
  return (x > 0 ? x : T(0)) + std::log1p(std::exp(-std::abs(x)));
}

template <class T>
T gelu(T x) {
  return x / 2 * (1 + std::erf(x / std::numbers::sqrt2_v<T>));
}
template <class T>
T gelu_tanh(T x) {
  const T scale = std::numbers::sqrt2_v<T> * std::numbers::inv_sqrtpi_v<T>;  // sqrt(2 / pi)
  return x / 2 * (1 + std::tanh(scale * (x + T(0.044715) * x * x * x)));
}

class Activation {
 public:
  Activation() = default;  // none
  explicit Activation(const Node& node);
  Activation(const std::string& name, const std::vector<float>& params);
  explicit operator bool() const { return kind_ != kNone; }

  // In place. Integers, which the fused operators do not take, have none.
  template <class T>
  void apply(T* values, int64_t n) const {
    if constexpr (!std::is_integral_v<T>) {
      auto each = [&](auto f) { std::transform(values, values + n, values, f); };
      const T a = T(a_), b = T(b_);
      switch (kind_) {
        case kNone: return;
        case kRelu: return each([](T x) { return relu(x); });
        case kLeakyRelu: return each([a](T x) { return leaky_relu(x, a); });
        case kClip: return each([a, b](T x) { return clip(x, a, b); });
        case kSigmoid: return each([](T x) { return sigmoid(x); });
        case kTanh: return each([](T x) { return std::tanh(x); });
        case kHardSigmoid: return each([a, b](T x) { return hard_sigmoid(x, a, b); });
        case kHardSwish: return each([](T x) { return hard_swish(x); });
        case kSwish: return each([a](T x) { return swish(x, a); });
      }
    }
  }

  // The attributes that hold it, for schemas.
  static constexpr AttrSpec kName{"activation", HRT_ATTR_STRING, "none"};
  static constexpr AttrSpec kParams{"activation_params", HRT_ATTR_FLOATS};
  // The attributes of a fused operator: those of the plain one, and the activation's.
  static std::vector<AttrSpec> attrs(std::vector<AttrSpec> plain = {}) {
    plain.push_back(kName);
    plain.push_back(kParams);
    return plain;
  }

 private:
  enum Kind { kNone, kRelu, kLeakyRelu, kClip, kSigmoid, kTanh, kHardSigmoid, kHardSwish, kSwish };
  Kind kind_ = kNone;
  float a_ = 0;
  float b_ = 0;
};

}  // namespace hrt::ops
