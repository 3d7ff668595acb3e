// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/op.h"

namespace hrt::gpu {

const Op* find_op(const Node& node) {
  using Rows = std::span<const Op> (*)();
  static constexpr Rows kTables[] = {
      chain_ops,  compare_ops, view_ops,   movement_ops, gather_ops,    reduce_ops,    softmax_ops,
      norm_ops,   gemm_ops,    conv_ops,   pool_ops,     resize_ops,    attention_ops, quantize_ops,
      einsum_ops, scatter_ops, select_ops, sort_ops,     recurrent_ops, sample_ops,
  };
  for (const Rows rows : kTables)
    for (const Op& op : rows())
      if (node.is(op.name, op.domain)) return &op;
  return nullptr;
}

}  // namespace hrt::gpu
