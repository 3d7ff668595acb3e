// SPDX-License-Identifier: Apache-2.0
// AffineGrid: the positions of a regular grid over -1 ... 1, transformed by an affine matrix per batch
// item. https://onnx.ai/onnx/operators/onnx__AffineGrid.html
#include "op.h"

namespace hrt::ops {
namespace {

// (N, C, D...) to (N, D..., rank).
Dims grid_shape(const Dims& size) {
  require(size.size() == 4 || size.size() == 5, "size has ", size.size(), " entries, not 4 or 5");
  Dims out{size[0]};
  out.insert(out.end(), size.begin() + 2, size.end());
  out.push_back(int64_t(size.size()) - 2);
  return out;
}

void infer(const Infer& c) {
  const auto size = c.values(1);
  c.output(0, size ? TensorType(c.dtype(0), grid_shape(*size)) : TensorType(c.dtype(0)));
}

void compute(const Kernel& c) {
  const Tensor theta = c.input(0);
  const Dims size = to_int64s(c.input(1)), dims = grid_shape(size);
  const int64_t rank = dims.back();
  require(theta.rank() == 3 && theta.dim(0) == dims[0] && theta.dim(1) == rank && theta.dim(2) == rank + 1,
          "theta of shape ", theta.dims(), " for size ", size);
  const bool corners = c.node().i("align_corners") != 0;
  const Tensor grid = c.output(0, theta.dtype(), dims);
  const Dims spatial(dims.begin() + 1, dims.end() - 1);
  dispatch(Floats{}, theta.dtype(), [&]<class T>() {
    T* out = grid.data<T>();
    for (int64_t n = 0; n < dims[0]; ++n) {
      const T* matrix = theta.data<T>() + n * rank * (rank + 1);
      Counter at(spatial, {});
      for (int64_t i = 0; i < element_count(spatial); ++i, at.next())
        for (int64_t row = 0; row < rank; ++row) {
          double v = double(matrix[row * (rank + 1) + rank]);
          for (int64_t k = 0; k < rank; ++k) {
            const size_t axis = size_t(rank - 1 - k);  // coordinates are x, y, z: the last axis first
            const double d = double(spatial[axis]), p = double(at.index()[axis]);
            const double position = !corners ? (2 * p + 1) / d - 1 : d > 1 ? 2 * p / (d - 1) - 1 : 0;
            v += double(matrix[row * (rank + 1) + k]) * position;
          }
          *out++ = T(acc_t<T>(v));
        }
    }
  });
}

const Register affine_grid(Op{
    .name = "AffineGrid",
    .since = 20,
    .doc = "sampling grid of an affine transformation",
    .inputs = {{"theta", "T1"}, {"size", "int64", HRT_PARAM_SHAPE}},
    .outputs = {{"grid", "T1"}},
    .attrs = {{"align_corners", HRT_ATTR_INT, "0"}},
    .types = {{"T1", kFloat}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
