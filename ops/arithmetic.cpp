// SPDX-License-Identifier: Apache-2.0
// Add, Sub, Mul, Div: element by element with broadcasting. Integers wrap around; integer division
// rounds towards zero, and by zero is an error. https://onnx.ai/onnx/operators/onnx__Add.html and so on.
#include "elementwise.h"

namespace hrt::ops {
namespace {

using Number = std::optional<int64_t>;

Number sum(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_add_overflow(a, b, &r) ? Number() : r;
}
Number difference(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_sub_overflow(a, b, &r) ? Number() : r;
}
Number product(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_mul_overflow(a, b, &r) ? Number() : r;
}
Number quotient(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return b == 0 ? Number() : difference(0, a);
  return a / b;
}

// Shape arithmetic keeps an operand as it is where the other one is neutral.
template <Number (*F)(int64_t, int64_t), int64_t Neutral, bool Commutative>
void infer(const Infer& c) {
  infer_broadcast(c);
  propagate(c, c.dtype(0), [&](const Dims& v) {
    if (v[1] == Neutral) return v[0];
    if (Commutative && v[0] == Neutral) return v[1];
    return combine(c, v[0], v[1], F);
  });
}

void add(const Kernel& c) {
  zip(c, Numbers{}, []<class T>(T a, T b) { return wrap_t<T>(a) + wrap_t<T>(b); });
}
void sub(const Kernel& c) {
  zip(c, Numbers{}, []<class T>(T a, T b) { return wrap_t<T>(a) - wrap_t<T>(b); });
}
void mul(const Kernel& c) {
  zip(c, Numbers{}, []<class T>(T a, T b) { return wrap_t<T>(a) * wrap_t<T>(b); });
}
void div(const Kernel& c) {
  zip(c, Numbers{}, []<class T>(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      require(b != 0, "integer division by zero");
      if (std::is_signed_v<T> && b == T(-1)) return T(0 - uint64_t(a));  // the lowest has no positive
    }
    return T(a / b);
  });
}

Op binary(const char* name, const char* doc, void (*infer)(const Infer&), void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = 14,
            .doc = doc,
            .inputs = {{"A", "T"}, {"B", "T"}},
            .outputs = {{"C", "T"}},
            .types = {{"T", kNumber}},
            .inplace = {{0, 0}, {1, 0}},
            .infer = infer,
            .compute = compute};
}

const Register add_op(binary("Add", "a + b", infer<sum, 0, true>, add));
const Register sub_op(binary("Sub", "a - b", infer<difference, 0, false>, sub));
const Register mul_op(binary("Mul", "a * b", infer<product, 1, true>, mul));
const Register div_op(binary("Div", "a / b", infer<quotient, 1, false>, div));

}  // namespace
}  // namespace hrt::ops
