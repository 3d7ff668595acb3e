// SPDX-License-Identifier: Apache-2.0
// TopK: the k largest or smallest elements along an axis, and where they were; of equal ones the first.
// https://onnx.ai/onnx/operators/onnx__TopK.html
#include <numeric>

#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  auto dims = c.dims(0);
  if (!dims) {
    output_unranked(c);
    return c.output(1, TensorType(HRT_INT64));
  }
  const size_t axis = size_t(normalise_axis(c.node().i("axis", -1), int64_t(dims->size())));
  const auto k = c.values(1);
  (*dims)[axis] = k && k->size() == 1 ? (*k)[0] : HRT_DIM_UNKNOWN;
  require(!is_number((*dims)[axis]) || (*dims)[axis] >= 0, "K is ", (*dims)[axis]);
  c.output(0, TensorType(c.dtype(0), *dims));
  c.output(1, TensorType(HRT_INT64, *dims));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const size_t axis = size_t(normalise_axis(c.node().i("axis", -1), x.rank()));
  const int64_t k = int_scalar_of(c.input(1), "K"), n = x.dim(int(axis));
  require(k >= 0 && k <= n, "K is ", k, " of ", n, " elements");
  const bool largest = c.node().i("largest", 1) != 0;
  const int64_t outer = element_count(x.dims().first(axis)),
                inner = element_count(x.dims().subspan(axis + 1));
  Dims dims(x.dims().begin(), x.dims().end()), order(static_cast<size_t>(n));
  dims[axis] = k;
  int64_t* where = c.wanted(1) ? c.output(1, HRT_INT64, dims).data<int64_t>() : nullptr;
  dispatch(Numbers{}, x.dtype(), [&]<class T>() {
    T* values = c.wanted(0) ? c.output(0, x.dtype(), dims).template data<T>() : nullptr;
    using A = acc_t<T>;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < inner; ++i) {
        const T* from = x.data<T>() + o * n * inner + i;
        // NaN counts as the largest.
        auto above = [](A a, A b) { return a > b || (a != a && b == b); };
        auto better = [&](int64_t a, int64_t b) {
          const A va = A(from[a * inner]), vb = A(from[b * inner]);
          if (above(va, vb)) return largest;
          return above(vb, va) ? !largest : a < b;
        };
        std::iota(order.begin(), order.end(), 0);
        std::partial_sort(order.begin(), order.begin() + k, order.end(), better);
        for (int64_t j = 0; j < k; ++j) {
          const int64_t to = (o * k + j) * inner + i;
          if (values) values[to] = from[order[size_t(j)] * inner];
          if (where) where[to] = order[size_t(j)];
        }
      }
  });
}

const Register top_k(Op{
    .name = "TopK",
    .since = 24,
    .doc = "the k largest or smallest elements along an axis, and their indices",
    .inputs = {{"X", "T"}, {"K", "int64", HRT_PARAM_SHAPE}},
    .outputs = {{"Values", "T"}, {"Indices", "I"}},
    .attrs = {{"axis", HRT_ATTR_INT, "-1"}, {"largest", HRT_ATTR_INT, "1"}, {"sorted", HRT_ATTR_INT, "1"}},
    .types = {{"T", kNumber}, {"I", bits(HRT_INT64)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
