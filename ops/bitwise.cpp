// SPDX-License-Identifier: Apache-2.0
// BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot, BitShift: on integers, broadcast.
// https://onnx.ai/onnx/operators/onnx__BitwiseAnd.html, onnx__BitShift.html
#include "elementwise.h"

namespace hrt::ops {
namespace {

void bit_and(const Kernel& c) {
  zip(c, Integers{}, [](auto a, auto b) { return a & b; });
}
void bit_or(const Kernel& c) {
  zip(c, Integers{}, [](auto a, auto b) { return a | b; });
}
void bit_xor(const Kernel& c) {
  zip(c, Integers{}, [](auto a, auto b) { return a ^ b; });
}
void bit_not(const Kernel& c) {
  map(c, Integers{}, [](auto a) { return ~a; });
}

void shift(const Kernel& c) {
  const std::string direction = c.node().s("direction");
  require(direction == "LEFT" || direction == "RIGHT", "direction is '", direction, "', not LEFT or RIGHT");
  const bool left = direction == "LEFT";
  zip(c, Integers{}, [&]<class T>(T a, T b) -> T {
    // By a negative number of bits, or by all: everything is shifted out, and the sign fills in.
    if (b < T(0) || uint64_t(b) >= sizeof(T) * 8) return left || a >= T(0) ? T(0) : T(-1);
    return left ? T(uint64_t(a) << b) : T(a >> b);
  });
}

Op binary(const char* name, const char* doc, void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = 18,
            .doc = doc,
            .inputs = {{"A", "T"}, {"B", "T"}},
            .outputs = {{"C", "T"}},
            .types = {{"T", kInteger}},
            .inplace = {{0, 0}, {1, 0}},
            .infer = infer_broadcast,
            .compute = compute};
}

const Register and_op(binary("BitwiseAnd", "a & b", bit_and));
const Register or_op(binary("BitwiseOr", "a | b", bit_or));
const Register xor_op(binary("BitwiseXor", "a ^ b", bit_xor));

const Register not_op(Op{
    .name = "BitwiseNot",
    .since = 18,
    .doc = "~x",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}},
    .types = {{"T", kInteger}},
    .inplace = {{0, 0}},
    .infer = infer_same,
    .compute = bit_not,
});

const Register shift_op(Op{
    .name = "BitShift",
    .since = 28,
    .doc = "x shifted by y bits to the LEFT or RIGHT",
    .inputs = {{"X", "T"}, {"Y", "T"}},
    .outputs = {{"Z", "T"}},
    .attrs = {{"direction", HRT_ATTR_STRING, "", true}},
    .types = {{"T", kInteger}},
    .inplace = {{0, 0}, {1, 0}},
    .infer = infer_broadcast,
    .compute = shift,
});

}  // namespace
}  // namespace hrt::ops
