// SPDX-License-Identifier: Apache-2.0
// Sum, Mean, Max, Min of any number of tensors, element by element with broadcasting; a NaN gives NaN.
// https://onnx.ai/onnx/operators/onnx__Sum.html and so on.
#include "elementwise.h"

namespace hrt::ops {
namespace {

// y[i] = finish(f(... f(f(x0[i], x1[i]), x2[i]) ...), number of inputs)
template <class Types, class F, class Finish>
void fold(const Kernel& c, Types types, F f, Finish finish) {
  const uint32_t count = c.input_count();
  std::vector<Tensor> in;
  Dims dims;
  Rows::Shapes shapes;
  for (uint32_t k = 0; k < count; ++k) {
    in.push_back(c.input(k));
    dims = k == 0 ? Dims(in[0].dims().begin(), in[0].dims().end()) : broadcast(dims, in[k].dims());
    shapes.push_back(in[k].dims());
  }
  dispatch(types, in[0].dtype(), [&]<class T>() {
    using A = acc_t<T>;
    const Tensor y = c.output(0, in[0].dtype(), dims);
    const Rows rows(dims, shapes);
    rows.each([&](int64_t o, const Counter& at) {
      for (int64_t i = 0; i < rows.length(); ++i) {
        A v = A(in[0].data<T>()[at.offset(0) + i * rows.step(0)]);
        for (uint32_t k = 1; k < count; ++k) v = f(v, A(in[k].data<T>()[at.offset(k) + i * rows.step(k)]));
        y.data<T>()[o + i] = T(finish(v, A(count)));
      }
    });
  });
}

constexpr auto kKeep = [](auto v, auto) { return v; };
constexpr auto kAdd = [](auto a, auto b) { return a + b; };

void sum(const Kernel& c) { fold(c, Floats{}, kAdd, kKeep); }
void mean(const Kernel& c) {
  fold(c, Floats{}, kAdd, [](auto v, auto n) { return v / n; });
}
void max(const Kernel& c) {
  fold(c, Numbers{}, [](auto a, auto b) { return a > b || a != a ? a : b; }, kKeep);
}
void min(const Kernel& c) {
  fold(c, Numbers{}, [](auto a, auto b) { return a < b || a != a ? a : b; }, kKeep);
}

std::optional<int64_t> larger(int64_t a, int64_t b) { return std::max(a, b); }
std::optional<int64_t> smaller(int64_t a, int64_t b) { return std::min(a, b); }

template <std::optional<int64_t> (*F)(int64_t, int64_t)>
void infer_extreme(const Infer& c) {
  infer_broadcast(c);
  propagate(c, c.dtype(0), [&](const Dims& v) {
    int64_t r = v[0];
    for (size_t k = 1; k < v.size(); ++k)
      if (v[k] != r || r == HRT_DIM_UNKNOWN) r = combine(c, r, v[k], F);
    return r;
  });
}

Op variadic(const char* name, const char* doc, uint64_t types, void (*infer)(const Infer&),
            void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = 13,
            .doc = doc,
            .inputs = {{"data_0", "T", HRT_PARAM_VARIADIC}},
            .outputs = {{"result", "T"}},
            .types = {{"T", types}},
            .inplace = {{0, 0}, {1, 0}},
            .infer = infer,
            .compute = compute};
}

const Register sum_op(variadic("Sum", "sum of the inputs", kFloat, infer_broadcast, sum));
const Register mean_op(variadic("Mean", "mean of the inputs", kFloat, infer_broadcast, mean));
const Register max_op(variadic("Max", "largest of the inputs", kNumber, infer_extreme<larger>, max));
const Register min_op(variadic("Min", "smallest of the inputs", kNumber, infer_extreme<smaller>, min));

}  // namespace
}  // namespace hrt::ops
