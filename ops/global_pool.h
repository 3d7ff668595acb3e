// SPDX-License-Identifier: Apache-2.0
// Pools over all spatial axes: (N, C, D1, ..., Dn) to (N, C, 1, ..., 1).
#pragma once

#include "op.h"

namespace hrt::ops {

void infer_global_pool(const Infer& c);
Dims global_pool_output(const Tensor& x);

// y = f.template operator()<acc_t<T>>(elements of the plane)
template <class F>
void global_pool(const Kernel& c, F f) {
  const Tensor x = c.input(0);
  const Tensor y = c.output(0, x.dtype(), global_pool_output(x));
  const int64_t planes = x.dim(0) * x.dim(1), plane = element_count(x.dims().subspan(2));
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    for (int64_t p = 0; p < planes; ++p) {
      const std::span<const T> in(x.data<T>() + p * plane, size_t(plane));
      y.data<T>()[p] = T(f.template operator()<acc_t<T>>(in));
    }
  });
}

}  // namespace hrt::ops
