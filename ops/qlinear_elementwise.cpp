// SPDX-License-Identifier: Apache-2.0
// Element-wise operators of 8-bit tensors in com.microsoft: dequantize, compute, quantize.
// QLinearAdd, QLinearMul, QLinearSigmoid, QLinearLeakyRelu, QLinearWhere.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include "activation.h"
#include "qlinear.h"

namespace hrt::ops {
namespace {

// Y = f(X), of real numbers.
template <class F>
void unary(const Kernel& c, F f) {
  const Tensor x = c.input(0);
  const Quantization from(c, 1, x.dtype()), to(c, 3, x.dtype());
  const Tensor y = c.output(0, x.dtype(), x.dims());
  const Reader read(x);
  const Writer write(y);
  for (int64_t i = 0; i < x.size(); ++i) write(i, to.quantize(f(from.real(read(i)))));
}

template <class F>
void binary(const Kernel& c, F f) {
  const Tensor a = c.input(0), b = c.input(3);
  const Quantization of_a(c, 1, a.dtype()), of_b(c, 4, b.dtype()), to(c, 6, a.dtype());
  const Dims dims = broadcast(a.dims(), b.dims());
  const Tensor y = c.output(0, a.dtype(), dims);
  Counter at(dims, {broadcast_strides(a.dims(), dims), broadcast_strides(b.dims(), dims)});
  const Reader read_a(a), read_b(b);
  const Writer write(y);
  for (int64_t i = 0; i < y.size(); ++i, at.next())
    write(i, to.quantize(f(of_a.real(read_a(at.offset(0))), of_b.real(read_b(at.offset(1))))));
}

void infer_of(const Infer& c, std::initializer_list<uint32_t> inputs, uint32_t type) {
  std::optional<Dims> out;
  for (const uint32_t i : inputs) {
    const auto dims = c.dims(i);
    if (!dims) return c.output(0, TensorType(c.dtype(type)));
    out = out ? broadcast(c, *out, *dims) : *dims;
  }
  c.output(0, TensorType(c.dtype(type), *out));
}

void where(const Kernel& c) {
  const Tensor condition = c.input(0), x = c.input(1), y = c.input(4);
  const Quantization of_x(c, 2, x.dtype()), of_y(c, 5, y.dtype()), to(c, 7, x.dtype());
  const Dims dims = broadcast(broadcast(condition.dims(), x.dims()), y.dims());
  const Tensor z = c.output(0, x.dtype(), dims);
  Counter at(dims, {broadcast_strides(condition.dims(), dims), broadcast_strides(x.dims(), dims),
                    broadcast_strides(y.dims(), dims)});
  const Reader read_x(x), read_y(y);
  const Writer write(z);
  for (int64_t i = 0; i < z.size(); ++i, at.next())
    write(i, to.quantize(condition.data<bool>()[at.offset(0)] ? of_x.real(read_x(at.offset(1)))
                                                              : of_y.real(read_y(at.offset(2)))));
}

Op unary_op(const char* name, const char* doc, void (*compute)(const Kernel&),
            std::vector<AttrSpec> attrs = {}) {
  return {.domain = kMicrosoft,
          .name = name,
          .since = 1,
          .doc = doc,
          .inputs = {{"X", "T"},
                     {"X_scale", "float32"},
                     {"X_zero_point", "T", HRT_PARAM_OPTIONAL},
                     {"Y_scale", "float32"},
                     {"Y_zero_point", "T", HRT_PARAM_OPTIONAL}},
          .outputs = {{"Y", "T"}},
          .attrs = std::move(attrs),
          .types = {{"T", kBytes}},
          .inplace = {{0, 0}},
          .infer = infer_same,
          .compute = compute};
}
Op binary_op(const char* name, const char* doc, void (*compute)(const Kernel&)) {
  return {.domain = kMicrosoft,
          .name = name,
          .since = 1,
          .doc = doc,
          .inputs = {{"A", "T"},
                     {"A_scale", "float32"},
                     {"A_zero_point", "T", HRT_PARAM_OPTIONAL},
                     {"B", "T"},
                     {"B_scale", "float32"},
                     {"B_zero_point", "T", HRT_PARAM_OPTIONAL},
                     {"C_scale", "float32"},
                     {"C_zero_point", "T", HRT_PARAM_OPTIONAL}},
          .outputs = {{"C", "T"}},
          .types = {{"T", kBytes}},
          .infer = [](const Infer& c) { infer_of(c, {0, 3}, 0); },
          .compute = compute};
}

const Register add(binary_op("QLinearAdd", "A + B, quantized",
                             [](const Kernel& c) { binary(c, [](double a, double b) { return a + b; }); }));
const Register mul(binary_op("QLinearMul", "A * B, quantized",
                             [](const Kernel& c) { binary(c, [](double a, double b) { return a * b; }); }));
const Register sigmoid_op(unary_op("QLinearSigmoid", "1 / (1 + exp(-X)), quantized",
                                   [](const Kernel& c) { unary(c, [](double x) { return sigmoid(x); }); }));
const Register leaky_relu_op(unary_op("QLinearLeakyRelu", "X, or alpha * X where it is negative, quantized",
                                      [](const Kernel& c) {
                                        unary(c, [alpha = double(c.node().f("alpha", 0.01f))](double x) {
                                          return leaky_relu(x, alpha);
                                        });
                                      },
                                      {{"alpha", HRT_ATTR_FLOAT, "0.01"}}));
const Register where_op(Op{
    .domain = kMicrosoft,
    .name = "QLinearWhere",
    .since = 1,
    .doc = "X where the condition is true, else Y, quantized",
    .inputs = {{"condition", "B"},
               {"X", "T"},
               {"x_scale", "float32"},
               {"x_zero_point", "T"},
               {"Y", "T"},
               {"y_scale", "float32"},
               {"y_zero_point", "T"},
               {"z_scale", "float32"},
               {"z_zero_point", "T"}},
    .outputs = {{"Z", "T"}},
    .types = {{"B", kBool}, {"T", kBytes}},
    .infer = [](const Infer& c) { infer_of(c, {0, 1, 4}, 1); },
    .compute = where,
});

}  // namespace
}  // namespace hrt::ops
