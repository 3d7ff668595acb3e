// SPDX-License-Identifier: Apache-2.0
// Unique: every different element, or slice along an axis, once.
// https://onnx.ai/onnx/operators/onnx__Unique.html
#include <functional>
#include <numeric>

#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  const auto in = c.dims(0);
  const Dims list = {HRT_DIM_UNKNOWN};
  for (uint32_t i = 1; i < 4; ++i) c.output(i, TensorType(HRT_INT64, list));
  if (!c.node().has("axis")) return output_rank(c, 1);
  if (!in) return output_unranked(c);
  Dims out = *in;
  out[size_t(normalise_axis(c.node().i("axis"), int64_t(in->size())))] = HRT_DIM_UNKNOWN;
  c.output(0, TensorType(c.dtype(0), out));
}

// Three-way order; NaN is above everything and equal to itself.
template <class V>
int order(const V& a, const V& b) {
  if (a < b) return -1;
  if (b < a) return 1;
  return (a != a) - (b != b);
}
template <class T>
int order(const std::complex<T>& a, const std::complex<T>& b) {
  const int real = order(a.real(), b.real());
  return real ? real : order(a.imag(), b.imag());
}

// Calls f with a function that compares two elements of x.
template <class F>
void with_order(const Tensor& x, F&& f) {
  if (x.dtype() == HRT_STRING)
    f([x](int64_t a, int64_t b) { return order(x.string(a), x.string(b)); });
  else if (x.dtype() == HRT_COMPLEX64)
    f([p = x.data<std::complex<float>>()](int64_t a, int64_t b) { return order(p[a], p[b]); });
  else if (x.dtype() == HRT_COMPLEX128)
    f([p = x.data<std::complex<double>>()](int64_t a, int64_t b) { return order(p[a], p[b]); });
  else
    dispatch_layout(x.dtype(), [&]<class L>() {
      using V = typename L::value;
      using A = std::conditional_t<std::is_arithmetic_v<V>, V, float>;
      f([p = x.raw()](int64_t a, int64_t b) { return order(A(L::get(p, a)), A(L::get(p, b))); });
    });
}

// Slices that are equal, in the order of their values.
struct Groups {
  Dims first;  // of every unique slice: where it occurs first
  Dims group;  // of every slice: which unique one it is
};

template <class Compare>  // of slices: negative, 0, positive
Groups group_slices(int64_t n, Compare compare) {
  Dims sorted(static_cast<size_t>(n));
  std::iota(sorted.begin(), sorted.end(), 0);
  std::stable_sort(sorted.begin(), sorted.end(), [&](int64_t a, int64_t b) { return compare(a, b) < 0; });
  Groups g;
  g.group.resize(sorted.size());
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i == 0 || compare(sorted[i - 1], sorted[i]) != 0) g.first.push_back(sorted[i]);
    g.group[size_t(sorted[i])] = int64_t(g.first.size()) - 1;
  }
  return g;
}

void write(const Kernel& c, uint32_t output, const Dims& values) {
  if (!c.wanted(output)) return;
  const Tensor y = c.output(output, HRT_INT64, Dims{int64_t(values.size())});
  std::copy(values.begin(), values.end(), y.data<int64_t>());
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  Dims dims = {x.size()};  // flattened, unless an axis is given
  size_t axis = 0;
  if (c.node().has("axis")) {
    dims.assign(x.dims().begin(), x.dims().end());
    axis = size_t(normalise_axis(c.node().i("axis"), x.rank()));
  }
  const int64_t n = dims[axis];
  const int64_t outer = element_count(std::span(dims).first(axis));
  const int64_t inner = element_count(std::span(dims).subspan(axis + 1));
  Groups groups;
  with_order(x, [&](auto compare) {
    if (outer * inner == 1) {
      groups = group_slices(n, compare);
      return;
    }
    groups = group_slices(n, [&](int64_t a, int64_t b) {
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i)
          if (const int r = compare((o * n + a) * inner + i, (o * n + b) * inner + i)) return r;
      return 0;
    });
  });
  const auto& [first, group] = groups;
  const size_t count = first.size();
  Dims by_output(count), place(count);  // which unique slice an output position has, and the reverse
  std::iota(by_output.begin(), by_output.end(), 0);
  if (c.node().i("sorted", 1) == 0)
    std::sort(by_output.begin(), by_output.end(),
              [&](int64_t a, int64_t b) { return first[size_t(a)] < first[size_t(b)]; });
  Dims indices(count), counts(count, 0), inverse(static_cast<size_t>(n));
  for (size_t i = 0; i < count; ++i) {
    place[size_t(by_output[i])] = int64_t(i);
    indices[i] = first[size_t(by_output[i])];
  }
  for (size_t k = 0; k < group.size(); ++k) {
    inverse[k] = place[size_t(group[k])];
    ++counts[size_t(inverse[k])];
  }

  dims[axis] = int64_t(count);
  const Mover move(c.output(0, x.dtype(), dims), x);
  for (int64_t o = 0; o < outer; ++o)
    for (size_t i = 0; i < count; ++i)
      move((o * int64_t(count) + int64_t(i)) * inner, (o * n + indices[i]) * inner, inner);
  write(c, 1, indices);
  write(c, 2, inverse);
  write(c, 3, counts);
}

const Register unique(Op{
    .name = "Unique",
    .since = 11,
    .doc = "every different element, or slice along an axis, once",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"},
                {"indices", "int64", HRT_PARAM_OPTIONAL},
                {"inverse_indices", "int64", HRT_PARAM_OPTIONAL},
                {"counts", "int64", HRT_PARAM_OPTIONAL}},
    .attrs = {{"axis", HRT_ATTR_INT}, {"sorted", HRT_ATTR_INT, "1"}},
    .types = {{"T", kAny}},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
