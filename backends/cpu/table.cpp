// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "backends/cpu/op.h"

namespace hrt::cpu {

std::span<const Op> recurrent_ops();
std::span<const Op> fourier_ops();

const Op* find_op(const Node& node) {
  using Rows = std::span<const Op> (*)();
  static constexpr Rows kTables[] = {conv_ops,        gemm_ops,    pool_ops,      view_ops,
                                     elementwise_ops, softmax_ops, norm_ops,      reduce_ops,
                                     movement_ops,    resize_ops,  recurrent_ops, fourier_ops};
  for (const Rows rows : kTables)
    for (const Op& op : rows())
      if (node.is(op.name, op.domain)) return &op;
  return nullptr;
}

std::string float32_only(const Node& node) {
  const Graph graph(node.graph());
  const auto check = [&](uint32_t id, const char* what) -> std::string {
    if (id == HRT_NONE) return "";
    const hrt_dtype t = graph.value(id).dtype();
    return t == HRT_FLOAT32 ? "" : sdk::cat("dtype ", dtype_name(t), " of ", what);
  };
  for (const uint32_t id : node.inputs())
    if (std::string reason = check(id, "an input"); !reason.empty()) return reason;
  return check(node.output(0), "the output");
}

}  // namespace hrt::cpu
