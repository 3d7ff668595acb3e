// SPDX-License-Identifier: Apache-2.0
// The functions of mathematics, element-wise: Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh
// Tanh Exp Log Sqrt Reciprocal Erf Floor Ceil Round. https://onnx.ai/onnx/operators/onnx__Sin.html and
// so on.
#include "elementwise.h"

namespace hrt::ops {
namespace {

// f has no state and computes from one float or double.
template <class F>
Op function(const char* name, int64_t since, const char* doc, F) {
  return Op{.name = name,
            .since = since,
            .doc = doc,
            .inputs = {{"X", "T"}},
            .outputs = {{"Y", "T"}},
            .types = {{"T", kFloat}},
            .inplace = {{0, 0}},
            .infer = infer_same,
            .compute = [](const Kernel& c) { map(c, Floats{}, F{}); }};
}

const Register ops[] = {
    Register(function("Sin", 22, "sine", [](auto x) { return std::sin(x); })),
    Register(function("Cos", 22, "cosine", [](auto x) { return std::cos(x); })),
    Register(function("Tan", 22, "tangent", [](auto x) { return std::tan(x); })),
    Register(function("Asin", 22, "arc sine", [](auto x) { return std::asin(x); })),
    Register(function("Acos", 22, "arc cosine", [](auto x) { return std::acos(x); })),
    Register(function("Atan", 22, "arc tangent", [](auto x) { return std::atan(x); })),
    Register(function("Sinh", 22, "hyperbolic sine", [](auto x) { return std::sinh(x); })),
    Register(function("Cosh", 22, "hyperbolic cosine", [](auto x) { return std::cosh(x); })),
    Register(function("Asinh", 22, "inverse hyperbolic sine", [](auto x) { return std::asinh(x); })),
    Register(function("Acosh", 22, "inverse hyperbolic cosine", [](auto x) { return std::acosh(x); })),
    Register(function("Atanh", 22, "inverse hyperbolic tangent", [](auto x) { return std::atanh(x); })),
    Register(function("Tanh", 13, "hyperbolic tangent", [](auto x) { return std::tanh(x); })),
    Register(function("Exp", 13, "e to the power of x", [](auto x) { return std::exp(x); })),
    Register(function("Log", 13, "natural logarithm", [](auto x) { return std::log(x); })),
    Register(function("Sqrt", 13, "square root", [](auto x) { return std::sqrt(x); })),
    Register(function("Reciprocal", 13, "1 / x", [](auto x) { return 1 / x; })),
    Register(function("Erf", 13, "error function", [](auto x) { return std::erf(x); })),
    Register(function("Floor", 13, "largest integer <= x", [](auto x) { return std::floor(x); })),
    Register(function("Ceil", 13, "smallest integer >= x", [](auto x) { return std::ceil(x); })),
    Register(function("Round", 22, "nearest integer, halves to the even one",
                      [](auto x) { return std::nearbyint(x); })),
};

}  // namespace
}  // namespace hrt::ops
