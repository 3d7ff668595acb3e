// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/window.h"

namespace hrt::cpu {

WindowAttrs::WindowAttrs(const Node& node)
    : kernel(node.ints("kernel_shape")),
      strides(node.ints("strides")),
      dilations(node.ints("dilations")),
      pads(node.ints("pads")),
      auto_pad(node.s("auto_pad", "NOTSET")) {}

Window WindowAttrs::resolve(std::span<const int64_t> in, std::span<const int64_t> out,
                            std::span<const int64_t> shape) const {
  const size_t rank = in.size(), skip = 3 - rank;
  const auto at = [&](const Dims& d, size_t i, int64_t other) {
    if (d.empty()) return other;
    require(d.size() == rank || (&d == &pads && d.size() == 2 * rank), "an attribute has ", d.size(),
            " entries for ", rank, " spatial dims");
    return d[i];
  };
  Window w;
  for (size_t i = 0; i < rank; ++i) {
    const size_t j = skip + i;
    w.kernel[j] = shape[i];
    w.stride[j] = at(strides, i, 1);
    w.dilation[j] = at(dilations, i, 1);
    require(w.kernel[j] > 0 && w.stride[j] > 0 && w.dilation[j] > 0,
            "kernel, stride and dilation must be positive");
    if (auto_pad == "NOTSET") {
      w.begin[j] = at(pads, i, 0);
      w.end[j] = at(pads, i + rank, 0);
    } else if (auto_pad != "VALID") {  // SAME_UPPER, SAME_LOWER
      const int64_t reach = (out[i] - 1) * w.stride[j] + (w.kernel[j] - 1) * w.dilation[j] + 1;
      const int64_t total = std::max<int64_t>(0, reach - in[i]);
      w.begin[j] = auto_pad == "SAME_LOWER" ? total - total / 2 : total / 2;
      w.end[j] = total - w.begin[j];
    }
    constexpr int64_t kMost = int64_t(1) << 31;  // sums and products with dims of tensors then fit
    for (const int64_t v : {w.kernel[j], w.stride[j], w.dilation[j], w.begin[j], w.end[j]})
      require(v >= 0 && v < kMost, "kernel, stride, dilation or pad of ", v);
  }
  return w;
}

std::string window_refusal(const Node& node) {
  const Value x = Graph(node.graph()).value(node.input(0));
  if (!x.ranked()) return "rank of the input is not known";
  if (x.rank() < 3 || x.rank() > 5) return sdk::cat(x.rank() - 2, " spatial dims");
  for (const int64_t p : node.ints("pads"))
    if (p < 0) return "negative pads";
  return "";
}

Dims3 spatial3(std::span<const int64_t> dims) {
  Dims3 d = {1, 1, 1};
  for (size_t i = 2; i < dims.size(); ++i) d[3 - dims.size() + i] = dims[i];
  return d;
}

}  // namespace hrt::cpu
