// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/window.h"

#include <algorithm>

namespace hrt::gpu {
namespace {

size_t spatial_rank(const Node& node) {
  const int rank = Graph(node.graph()).value(node.input(0)).rank();
  require(rank >= 3 && rank <= 5, rank - 2, " spatial dims");
  return size_t(rank) - 2;
}

Dims3 per_dim(const Node& node, const char* name, int64_t otherwise, int64_t low) {
  const size_t rank = spatial_rank(node);
  const Dims v = node.ints(name);
  require(v.empty() || v.size() == rank || v.size() == 2 * rank, "attribute ", name, " has ", v.size(),
          " entries for ", rank, " dims");
  Dims3 d = {otherwise, otherwise, otherwise};
  for (size_t i = 0; i < rank && !v.empty(); ++i) {
    require(v[i] >= low && v[i] < (int64_t(1) << 31), "attribute ", name, " has an entry of ", v[i]);
    d[3 - rank + i] = v[i];
  }
  return d;
}

}  // namespace

Dims3 spatial3(std::span<const int64_t> dims) {
  require(dims.size() >= 3 && dims.size() <= 5, "shape ", dims, " has no 1 to 3 spatial dims");
  Dims3 d = {1, 1, 1};
  for (size_t i = 2; i < dims.size(); ++i) d[3 - dims.size() + i] = dims[i];
  return d;
}

WindowAttrs::WindowAttrs(const Node& node)
    : stride_(per_dim(node, "strides", 1, 1)),
      dilation_(per_dim(node, "dilations", 1, 1)),
      pad_(per_dim(node, "pads", 0, 0)),
      extra_(per_dim(node, "output_padding", 0, 0)),
      auto_pad_(node.s("auto_pad", "NOTSET")),
      sized_(node.has("output_shape")) {}

Window WindowAttrs::plain(const Dims3& kernel) const {
  return {kernel, stride_, dilation_, auto_pad_ == "VALID" ? Dims3{} : pad_};
}

Window WindowAttrs::resolve(const Dims3& in, const Dims3& out, const Dims3& kernel) const {
  Window w = plain(kernel);
  if (!auto_pad_.starts_with("SAME")) return w;
  for (size_t i = 0; i < 3; ++i) {
    const int64_t reach = (out[i] - 1) * stride_[i] + (kernel[i] - 1) * dilation_[i] + 1;
    const int64_t total = std::max<int64_t>(0, reach - in[i]);
    w.pad[i] = auto_pad_ == "SAME_LOWER" ? total - total / 2 : total / 2;
  }
  return w;
}

Window WindowAttrs::resolve_transposed(const Dims3& in, const Dims3& out, const Dims3& kernel) const {
  Window w = plain(kernel);
  if (!sized_ && !auto_pad_.starts_with("SAME")) return w;
  for (size_t i = 0; i < 3; ++i) {
    const int64_t full = stride_[i] * (in[i] - 1) + extra_[i] + (kernel[i] - 1) * dilation_[i] + 1;
    const int64_t total = std::max<int64_t>(0, full - out[i]);
    w.pad[i] = auto_pad_ == "SAME_UPPER" ? total / 2 : total - total / 2;
  }
  return w;
}

std::string window_refusal(const Node& node, size_t weights) {
  const Graph graph(node.graph());
  const Value x = graph.value(node.input(0)), w = graph.value(node.input(weights));
  if (!x.ranked()) return "rank of the input is not known";
  if (x.rank() < 3 || x.rank() > 5) return sdk::cat(x.rank() - 2, " spatial dims");
  if (!w.ranked() || !sdk::all_numbers(w.dims())) return "shape of the weights is not known";
  if (w.rank() != x.rank()) return "weights of another rank than the input";
  for (const int64_t p : node.ints("pads"))
    if (p < 0) return "negative pads";
  return "";
}

}  // namespace hrt::gpu
