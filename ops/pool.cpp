// SPDX-License-Identifier: Apache-2.0
#include "pool.h"

namespace hrt::ops {

std::vector<AttrSpec> pool_attrs(std::vector<AttrSpec> more) {
  std::vector<AttrSpec> attrs{{"auto_pad", HRT_ATTR_STRING, "NOTSET"},
                              {"ceil_mode", HRT_ATTR_INT, "0"},
                              {"dilations", HRT_ATTR_INTS},
                              {"kernel_shape", HRT_ATTR_INTS, "", true},
                              {"pads", HRT_ATTR_INTS},
                              {"strides", HRT_ATTR_INTS}};
  attrs.insert(attrs.end(), more.begin(), more.end());
  return attrs;
}

namespace {
Dims spatial(std::span<const int64_t> x) {
  require(x.size() >= 3, "x has rank ", x.size(), ", not batch, channels and spatial axes");
  return Dims(x.begin() + 2, x.end());
}
}  // namespace

Window pool_window(const Kernel& c, const Tensor& x) {
  return slide(c.node(), spatial(x.dims()), {}, c.node().i("ceil_mode") != 0);
}

Dims pool_output(const Tensor& x, const Window& w) {
  Dims dims{x.dim(0), x.dim(1)};
  dims.insert(dims.end(), w.output.begin(), w.output.end());
  return dims;
}

void infer_pool(const Infer& c) {
  const auto x = c.dims(0);
  TensorType y(c.dtype(0)), indices(HRT_INT64);
  if (x) {
    const Window w = slide(c.node(), spatial(*x), {}, c.node().i("ceil_mode") != 0, &c);
    Dims dims{(*x)[0], (*x)[1]};
    dims.insert(dims.end(), w.output.begin(), w.output.end());
    y = TensorType(y.dtype, dims);
    indices = TensorType(HRT_INT64, dims);
  }
  c.output(0, y);
  if (c.output_count() > 1) c.output(1, indices);
}

}  // namespace hrt::ops
