// SPDX-License-Identifier: Apache-2.0
// Neg, Abs, Sign: element-wise; the lowest integer, which has no positive counterpart, stays itself.
// https://onnx.ai/onnx/operators/onnx__Neg.html and so on.
#include "elementwise.h"

namespace hrt::ops {
namespace {

void neg(const Kernel& c) {
  map(c, TypeList<float, double, float16, bfloat16, int8_t, int16_t, int32_t, int64_t>{},
      []<class T>(T x) { return -wrap_t<T>(x); });
}

void abs(const Kernel& c) {
  map(c, Numbers{}, []<class T>(T x) {
    if constexpr (std::is_floating_point_v<T>)
      return std::fabs(x);
    else
      return x < 0 ? T(-wrap_t<T>(x)) : x;
  });
}

void sign(const Kernel& c) {
  map(c, Numbers{}, []<class T>(T x) { return x != x ? x : T((x > 0) - (x < 0)); });
}

std::optional<int64_t> negative(int64_t, int64_t x) {
  return x == INT64_MIN ? std::nullopt : std::optional(-x);
}
std::optional<int64_t> magnitude(int64_t, int64_t x) { return x < 0 ? negative(0, x) : x; }
std::optional<int64_t> signum(int64_t, int64_t x) { return (x > 0) - (x < 0); }

template <std::optional<int64_t> (*F)(int64_t, int64_t)>
void infer(const Infer& c) {
  infer_same(c);
  propagate(c, c.dtype(0), [&](const Dims& v) { return combine(c, 0, v[0], F); });
}

Op unary(const char* name, const char* doc, uint64_t types, void (*infer)(const Infer&),
         void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = 13,
            .doc = doc,
            .inputs = {{"X", "T"}},
            .outputs = {{"Y", "T"}},
            .types = {{"T", types}},
            .inplace = {{0, 0}},
            .infer = infer,
            .compute = compute};
}

const Register neg_op(unary("Neg", "-x", kFloat | kSigned, infer<negative>, neg));
const Register abs_op(unary("Abs", "|x|", kNumber, infer<magnitude>, abs));
const Register sign_op(unary("Sign", "1, 0 or -1 by the sign of x", kNumber, infer<signum>, sign));

}  // namespace
}  // namespace hrt::ops
