// SPDX-License-Identifier: Apache-2.0
// Equal, Greater, GreaterOrEqual, Less, LessOrEqual: broadcast, the result is boolean.
// https://onnx.ai/onnx/operators/onnx__Equal.html and so on.
#include "elementwise.h"

namespace hrt::ops {
namespace {

template <class F>
std::optional<int64_t> of_numbers(int64_t a, int64_t b) {
  return F{}(a, b);
}

template <class F>
void infer(const Infer& c) {
  infer_compare(c);
  propagate(c, HRT_BOOL, [&](const Dims& v) {
    const bool same = v[0] == v[1] && v[0] != HRT_DIM_UNKNOWN;  // one symbol compares like one number
    return same ? int64_t(F{}(0, 0)) : combine(c, v[0], v[1], of_numbers<F>);
  });
}

template <class F, class Types>
void compare(const Kernel& c, Types types) {
  const Tensor a = c.input(0), b = c.input(1);
  const Tensor y = c.output(0, HRT_BOOL, broadcast(a.dims(), b.dims()));
  dispatch(types, a.dtype(), [&]<class T>() { zip<T, T, bool>(a, b, y, F{}); });
}

void equal_strings(const Kernel& c) {
  const Tensor a = c.input(0), b = c.input(1);
  const Tensor y = c.output(0, HRT_BOOL, broadcast(a.dims(), b.dims()));
  zip<hrt_str, hrt_str, bool>(a, b, y, [](const hrt_str& x, const hrt_str& z) {
    return std::string_view(x.data, x.size) == std::string_view(z.data, z.size);
  });
}

void equal(const Kernel& c) {
  if (c.input(0).dtype() == HRT_STRING) return equal_strings(c);
  compare<std::equal_to<>>(c, TypeList<bool, float, double, float16, bfloat16, int8_t, int16_t, int32_t,
                                       int64_t, uint8_t, uint16_t, uint32_t, uint64_t>{});
}

template <class F>
void compare_numbers(const Kernel& c) {
  compare<F>(c, Numbers{});
}

Op comparison(const char* name, int64_t since, const char* doc, uint64_t types, void (*infer)(const Infer&),
              void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = since,
            .doc = doc,
            .inputs = {{"A", "T"}, {"B", "T"}},
            .outputs = {{"C", "bool"}},
            .types = {{"T", types}},
            .infer = infer,
            .compute = compute};
}

const Register equal_op(comparison("Equal", 19, "a == b", kNumber | kBool | kString, infer<std::equal_to<>>,
                                   equal));
const Register greater_op(comparison("Greater", 13, "a > b", kNumber, infer<std::greater<>>,
                                     compare_numbers<std::greater<>>));
const Register greater_equal_op(comparison("GreaterOrEqual", 16, "a >= b", kNumber,
                                           infer<std::greater_equal<>>,
                                           compare_numbers<std::greater_equal<>>));
const Register less_op(comparison("Less", 13, "a < b", kNumber, infer<std::less<>>,
                                  compare_numbers<std::less<>>));
const Register less_equal_op(comparison("LessOrEqual", 16, "a <= b", kNumber, infer<std::less_equal<>>,
                                        compare_numbers<std::less_equal<>>));

}  // namespace
}  // namespace hrt::ops
