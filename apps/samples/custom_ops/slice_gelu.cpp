// SPDX-License-Identifier: Apache-2.0
// acme.SliceGelu: y = Gelu(x[start:end]) along an axis, Gelu(v) = v / 2 * (1 + erf(v / sqrt(2))).
#include <cmath>

#include "ops.h"

namespace acme {
namespace {

constexpr hrt_op_param kInputs[] = {param("x", "float32")};
constexpr hrt_op_param kOutputs[] = {param("y", "float32")};
constexpr hrt_op_attr kAttributes[] = {attribute("axis", HRT_ATTR_INT, false, "-1"),
                                       attribute("start", HRT_ATTR_INT, true, ""),
                                       attribute("end", HRT_ATTR_INT, true, "")};

struct Range {
  size_t axis;
  int64_t start, end;
};

Range range_of(const Node& node, const Dims& dims) {
  const int64_t rank = int64_t(dims.size()), axis = node.i("axis", -1);
  require(axis >= -rank && axis < rank, "axis ", axis, " is outside of rank ", rank);
  const Range r{size_t(axis < 0 ? axis + rank : axis), node.i("start"), node.i("end")};
  require(r.start >= 0 && r.start <= r.end, "the slice ", r.start, " to ", r.end, " is none");
  const int64_t size = dims[r.axis];
  require(!is_number(size) || r.end <= size, "the slice ends at ", r.end, " in an axis of ", size);
  return r;
}

hrt_status* infer(const hrt_op*, hrt_infer* c) {
  return guard([&] {
    const Infer infer(c);
    auto dims = infer.dims(0);
    if (!dims) return infer.output(0, TensorType(HRT_FLOAT32));
    const Range r = range_of(infer.node(), *dims);
    (*dims)[r.axis] = r.end - r.start;
    infer.output(0, TensorType(HRT_FLOAT32, *dims));
  });
}

hrt_status* compute(const hrt_op*, hrt_kernel* c) {
  return guard([&] {
    const Kernel kernel(c);
    const Tensor x = kernel.input(0);
    Dims dims(x.dims().begin(), x.dims().end());
    const Range r = range_of(kernel.node(), dims);
    const int64_t inner = element_count(x.dims().subspan(r.axis + 1)), size = dims[r.axis];
    const int64_t outer = element_count(x.dims().first(r.axis)), length = (r.end - r.start) * inner;
    dims[r.axis] = r.end - r.start;
    const Tensor y = kernel.output(0, HRT_FLOAT32, dims);
    for (int64_t o = 0; o < outer; ++o) {
      const float* from = x.data<float>() + (o * size + r.start) * inner;
      float* to = y.data<float>() + o * length;
      for (int64_t i = 0; i < length; ++i)
        to[i] = float(0.5 * from[i] * (1 + std::erf(from[i] * 0.70710678118654752)));
    }
  });
}

}  // namespace

const hrt_op kSliceGelu =
    make_op("SliceGelu", "Gelu of a slice of one axis", kInputs, kOutputs, kAttributes, infer, compute);

}  // namespace acme
