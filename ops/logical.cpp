// SPDX-License-Identifier: Apache-2.0
// And, Or, Xor, Not: on booleans, broadcast. https://onnx.ai/onnx/operators/onnx__And.html and so on.
#include "elementwise.h"

namespace hrt::ops {
namespace {

template <std::optional<int64_t> (*F)(int64_t, int64_t)>
void infer(const Infer& c) {
  infer_broadcast(c);
  propagate(c, HRT_BOOL, [&](const Dims& v) { return combine(c, v[0], v[1], F); });
}

std::optional<int64_t> both(int64_t a, int64_t b) { return a & b; }
std::optional<int64_t> either(int64_t a, int64_t b) { return a | b; }
std::optional<int64_t> differ(int64_t a, int64_t b) { return a ^ b; }

void logical_and(const Kernel& c) {
  zip(c, TypeList<bool>{}, [](bool a, bool b) { return a && b; });
}
void logical_or(const Kernel& c) {
  zip(c, TypeList<bool>{}, [](bool a, bool b) { return a || b; });
}
void logical_xor(const Kernel& c) {
  zip(c, TypeList<bool>{}, [](bool a, bool b) { return a != b; });
}

void infer_not(const Infer& c) {
  infer_same(c);
  propagate(c, HRT_BOOL, [&](const Dims& v) { return combine(c, v[0], 1, differ); });
}
void logical_not(const Kernel& c) {
  map(c, TypeList<bool>{}, [](bool a) { return !a; });
}

Op binary(const char* name, const char* doc, void (*infer)(const Infer&), void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = 7,
            .doc = doc,
            .inputs = {{"A", "T"}, {"B", "T"}},
            .outputs = {{"C", "T"}},
            .types = {{"T", kBool}},
            .inplace = {{0, 0}, {1, 0}},
            .infer = infer,
            .compute = compute};
}

const Register and_op(binary("And", "a and b", infer<both>, logical_and));
const Register or_op(binary("Or", "a or b", infer<either>, logical_or));
const Register xor_op(binary("Xor", "either a or b", infer<differ>, logical_xor));

const Register not_op(Op{
    .name = "Not",
    .since = 1,
    .doc = "not x",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}},
    .types = {{"T", kBool}},
    .inplace = {{0, 0}},
    .infer = infer_not,
    .compute = logical_not,
});

}  // namespace
}  // namespace hrt::ops
