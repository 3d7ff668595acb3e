// SPDX-License-Identifier: Apache-2.0
// Concat: tensors, one after the other along an axis. https://onnx.ai/onnx/operators/onnx__Concat.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

void infer_values(const Infer& c) {
  Dims all;
  for (uint32_t i = 0; i < c.input_count(); ++i) {
    const auto v = tracked(c, i);
    const auto d = c.dims(i);
    if (d && d->size() != 1) return;
    if (!v && (!d || !is_number((*d)[0]) || (*d)[0] > kMaxTracked)) return;
    const Dims part = v ? *v : Dims(size_t((*d)[0]), HRT_DIM_UNKNOWN);
    all.insert(all.end(), part.begin(), part.end());
  }
  if (int64_t(all.size()) <= kMaxTracked) c.output_values(0, all);
}

void infer(const Infer& c) {
  std::optional<Dims> out;
  bool all_ranked = true;
  const DimMath m(c);
  for (uint32_t i = 0; i < c.input_count(); ++i) {
    const auto dims = c.dims(i);
    if (!dims) {
      all_ranked = false;
      continue;
    }
    const size_t axis = size_t(normalise_axis(c.node().i("axis"), int64_t(dims->size())));
    if (!out) {
      out = dims;
      continue;
    }
    require(out->size() == dims->size(), "input ", i, " has rank ", dims->size(), ", not ", out->size());
    for (size_t d = 0; d < dims->size(); ++d)
      (*out)[d] = d == axis ? m.add((*out)[d], (*dims)[d]) : m.same((*out)[d], (*dims)[d], "dimension");
  }
  if (!out) return output_unranked(c);
  if (!all_ranked) (*out)[size_t(normalise_axis(c.node().i("axis"), int64_t(out->size())))] = HRT_DIM_UNKNOWN;
  c.output(0, TensorType(c.dtype(0), *out));
  if (out->size() == 1 && (c.dtype(0) == HRT_INT64 || c.dtype(0) == HRT_INT32)) infer_values(c);
}

void compute(const Kernel& c) {
  const Tensor first = c.input(0);
  const size_t axis = size_t(normalise_axis(c.node().i("axis"), first.rank()));
  Dims dims(first.dims().begin(), first.dims().end());
  for (uint32_t i = 1; i < c.input_count(); ++i) {
    const Tensor x = c.input(i);
    require(x.rank() == first.rank(), "input ", i, " has rank ", x.rank(), ", not ", first.rank());
    for (int d = 0; d < x.rank(); ++d)
      require(size_t(d) == axis || x.dim(d) == first.dim(d), "shapes ", first.dims(), " and ", x.dims(),
              " differ beside axis ", axis);
    dims[axis] = checked_add(dims[axis], x.dim(int(axis)));
  }
  const Tensor y = c.output(0, first.dtype(), dims);
  const int64_t outer = element_count(y.dims().first(axis)),
                inner = element_count(y.dims().subspan(axis + 1));
  int64_t begin = 0;  // on the axis
  for (uint32_t i = 0; i < c.input_count(); ++i) {
    const Tensor x = c.input(i);
    const int64_t n = x.dim(int(axis)) * inner;
    const Mover move(y, x);
    for (int64_t o = 0; o < outer; ++o) move((o * dims[axis] + begin) * inner, o * n, n);
    begin += x.dim(int(axis));
  }
}

const Register concat(Op{
    .name = "Concat",
    .since = 13,
    .doc = "tensors, one after the other along an axis",
    .inputs = {{"inputs", "T", HRT_PARAM_VARIADIC}},
    .outputs = {{"concat_result", "T"}},
    .attrs = {{"axis", HRT_ATTR_INT, "", true}},
    .types = {{"T", kAny}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
