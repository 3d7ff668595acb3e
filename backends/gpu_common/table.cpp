// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

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

namespace {

// Of a value whose shape is all numbers; UINT64_MAX when that is more than can be counted, 0: not known yet.
uint64_t bytes_of(const Value& value) {
  if (!value.ranked() || !sdk::all_numbers(value.dims())) return 0;
  uint64_t bytes = dtype_bytes(value.dtype());
  bool overflow = false;
  for (const int64_t n : value.dims()) {
    if (n == 0) return 0;
    overflow = overflow || __builtin_mul_overflow(bytes, uint64_t(n), &bytes);
  }
  return overflow ? UINT64_MAX : bytes;
}

// Why a tensor of this size cannot be an input, or an output, of the node, or "".
std::string size_refusal(const Op& op, const Node& node, const Caps& caps, const Value& value,
                         std::optional<size_t> input) {
  const uint64_t bytes = bytes_of(value);
  if (bytes <= std::min(caps.max_span_bytes, caps.max_buffer_bytes)) return "";
  const std::string what = sdk::cat("a tensor of ", bytes, " bytes; ");
  const Split split = op.splits ? op.splits(node, caps, input) : Split::kNot;
  if (bytes > caps.max_buffer_bytes && split != Split::kUploaded)
    return sdk::cat(what, "buffers of ", caps.name, " hold ", caps.max_buffer_bytes);
  if (bytes > caps.max_span_bytes && split == Split::kNot)
    return sdk::cat(what, "kernels of ", caps.name, " reach ", caps.max_span_bytes, " at once");
  return "";
}

}  // namespace

Split splits_all(const Node&, const Caps&, std::optional<size_t>) { return Split::kBound; }

std::string refusal(const Node& node, const Caps& caps) {
  const Op* op = find_op(node);
  if (!op) return "operator not in this backend";
  const Graph graph(node.graph());
  for (const auto ids : {node.inputs(), node.outputs()})
    for (const uint32_t id : ids)
      if (id != HRT_NONE && dtype_bytes(graph.value(id).dtype()) == 0)
        return sdk::cat("dtype ", dtype_name(graph.value(id).dtype()));
  if (std::string reason = op->supports(node, caps); !reason.empty()) return reason;
  const auto inputs = node.inputs();
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i] != HRT_NONE)
      if (std::string why = size_refusal(*op, node, caps, graph.value(inputs[i]), i); !why.empty())
        return why;
  for (const uint32_t id : node.outputs())
    if (id != HRT_NONE)
      if (std::string why = size_refusal(*op, node, caps, graph.value(id), std::nullopt); !why.empty())
        return why;
  return "";
}

}  // namespace hrt::gpu
