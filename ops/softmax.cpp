// SPDX-License-Identifier: Apache-2.0
// Softmax, LogSoftmax, Hardmax along an axis. https://onnx.ai/onnx/operators/onnx__Softmax.html and so on.
#include <cmath>

#include "op.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  if (const auto x = c.dims(0)) normalise_axis(c.node().i("axis", -1), int64_t(x->size()));
  infer_same(c);
}

// Calls f.template operator()<T>(in, out, n, step) for each line along the axis.
template <class F>
void lines(const Kernel& c, F f) {
  const Tensor x = c.input(0);
  const Tensor y = c.output(0, x.dtype(), x.dims());
  const size_t axis = size_t(normalise_axis(c.node().i("axis", -1), x.rank()));
  const int64_t n = x.dims()[axis], inner = element_count(x.dims().subspan(axis + 1));
  const int64_t count = x.size() == 0 ? 0 : x.size() / n;
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    for (int64_t line = 0; line < count; ++line) {
      const int64_t first = line / inner * n * inner + line % inner;
      f(x.data<T>() + first, y.data<T>() + first, n, inner);
    }
  });
}

// Subtracting the largest element keeps exp from overflowing.
template <class T>
acc_t<T> largest(const T* in, int64_t n, int64_t step) {
  acc_t<T> most = in[0];
  for (int64_t i = 1; i < n; ++i) most = std::max(most, acc_t<T>(in[i * step]));
  return most;
}

void softmax(const Kernel& c) {
  lines(c, []<class T>(const T* in, T* out, int64_t n, int64_t step) {
    using A = acc_t<T>;
    const A most = largest(in, n, step);
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += double(std::exp(A(in[i * step]) - most));
    for (int64_t i = 0; i < n; ++i) out[i * step] = T(std::exp(A(in[i * step]) - most) / A(sum));
  });
}

void log_softmax(const Kernel& c) {
  lines(c, []<class T>(const T* in, T* out, int64_t n, int64_t step) {
    using A = acc_t<T>;
    const A most = largest(in, n, step);
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += double(std::exp(A(in[i * step]) - most));
    const A log_sum = A(std::log(sum));
    for (int64_t i = 0; i < n; ++i) out[i * step] = T(A(in[i * step]) - most - log_sum);
  });
}

void hardmax(const Kernel& c) {
  lines(c, []<class T>(const T* in, T* out, int64_t n, int64_t step) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; ++i)
      if (acc_t<T>(in[i * step]) > acc_t<T>(in[best * step])) best = i;
    for (int64_t i = 0; i < n; ++i) out[i * step] = T(i == best ? 1.0f : 0.0f);
  });
}

Op along_axis(const char* name, const char* doc, void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = 13,
            .doc = doc,
            .inputs = {{"input", "T"}},
            .outputs = {{"output", "T"}},
            .attrs = {{"axis", HRT_ATTR_INT, "-1"}},
            .types = {{"T", kFloat}},
            .infer = infer,
            .compute = compute};
}

const Register softmax_op(along_axis("Softmax", "exp(x) / sum of exp(x) along an axis", softmax));
const Register log_softmax_op(along_axis("LogSoftmax", "log of Softmax", log_softmax));
const Register hardmax_op(along_axis("Hardmax", "1 at the first largest element along an axis, else 0",
                                     hardmax));

}  // namespace
}  // namespace hrt::ops
