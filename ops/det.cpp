// SPDX-License-Identifier: Apache-2.0
// Det: determinant of each matrix in the last two axes, by Gaussian elimination with row pivoting.
// https://onnx.ai/onnx/operators/onnx__Det.html
#include <cmath>

#include "op.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  const auto x = c.dims(0);
  if (!x) return c.output(0, TensorType(c.dtype(0)));
  require(x->size() >= 2, "x has rank ", x->size());
  const int64_t rows = (*x)[x->size() - 2], columns = x->back();
  require(!is_number(rows) || !is_number(columns) || rows == columns, "matrices of ", *x, " are not square");
  c.output(0, TensorType(c.dtype(0), Dims(x->begin(), x->end() - 2)));
}

double determinant(std::vector<double>& a, size_t n) {
  double det = 1;
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < n; ++i)
      if (std::fabs(a[i * n + k]) > std::fabs(a[pivot * n + k])) pivot = i;
    if (a[pivot * n + k] == 0) return 0;
    if (pivot != k) {
      std::swap_ranges(&a[k * n], &a[k * n] + n, &a[pivot * n]);
      det = -det;
    }
    det *= a[k * n + k];
    for (size_t i = k + 1; i < n; ++i) {
      const double f = a[i * n + k] / a[k * n + k];
      for (size_t j = k; j < n; ++j) a[i * n + j] -= f * a[k * n + j];
    }
  }
  return det;
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  require(x.rank() >= 2 && x.dim(x.rank() - 1) == x.dim(x.rank() - 2), "matrices of ", x.dims(),
          " are not square");
  const size_t n = size_t(x.dim(x.rank() - 1));
  const Tensor y = c.output(0, x.dtype(), x.dims().first(size_t(x.rank()) - 2));
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    for (int64_t i = 0; i < y.size(); ++i) {
      const T* m = x.data<T>() + i * int64_t(n * n);
      std::vector<double> a(m, m + n * n);
      y.data<T>()[i] = T(acc_t<T>(determinant(a, n)));
    }
  });
}

const Register det(Op{
    .name = "Det",
    .since = 22,
    .doc = "determinant of each matrix",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}},
    .types = {{"T", kFloat}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
