// SPDX-License-Identifier: Apache-2.0
// ArgMax, ArgMin: where along an axis the largest or smallest element is.
// https://onnx.ai/onnx/operators/onnx__ArgMax.html, onnx__ArgMin.html
#include <functional>

#include "op.h"

namespace hrt::ops {
namespace {

Dims result(const Node& node, Dims dims) {
  const int64_t axis = normalise_axis(node.i("axis"), int64_t(dims.size()));
  if (node.i("keepdims", 1))
    dims[size_t(axis)] = 1;
  else
    dims.erase(dims.begin() + axis);
  return dims;
}

void infer(const Infer& c) {
  const auto x = c.dims(0);
  c.output(0, x ? TensorType(HRT_INT64, result(c.node(), *x)) : TensorType(HRT_INT64));
}

template <class Better>
void find(const Kernel& c) {
  const Tensor x = c.input(0);
  const size_t axis = size_t(normalise_axis(c.node().i("axis"), x.rank()));
  const int64_t n = x.dims()[axis], inner = element_count(x.dims().subspan(axis + 1));
  const Tensor y = c.output(0, HRT_INT64, result(c.node(), Dims(x.dims().begin(), x.dims().end())));
  require(n > 0 || y.size() == 0, "axis ", axis, " is empty");
  const bool last = c.node().i("select_last_index") != 0;
  dispatch(Numbers{}, x.dtype(), [&]<class T>() {
    for (int64_t o = 0; o < y.size(); ++o) {
      const T* in = x.data<T>() + o / inner * n * inner + o % inner;
      int64_t best = 0;
      for (int64_t i = 1; i < n; ++i) {
        const acc_t<T> v = in[i * inner], b = in[best * inner];
        if (Better{}(v, b) || (last && v == b)) best = i;
      }
      y.data<int64_t>()[o] = best;
    }
  });
}

Op arg(const char* name, const char* doc, void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = 13,
            .doc = doc,
            .inputs = {{"data", "T"}},
            .outputs = {{"reduced", "int64"}},
            .attrs = {{"axis", HRT_ATTR_INT, "0"},
                      {"keepdims", HRT_ATTR_INT, "1"},
                      {"select_last_index", HRT_ATTR_INT, "0"}},
            .types = {{"T", kNumber}},
            .infer = infer,
            .compute = compute};
}

const Register max_op(arg("ArgMax", "index of the largest element along an axis", find<std::greater<>>));
const Register min_op(arg("ArgMin", "index of the smallest element along an axis", find<std::less<>>));

}  // namespace
}  // namespace hrt::ops
