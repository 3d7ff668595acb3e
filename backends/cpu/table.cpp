// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "backends/cpu/layout.h"
#include "backends/cpu/op.h"

namespace hrt::cpu {

const Op* find_op(const Node& node) {
  using Rows = std::span<const Op> (*)();
  static constexpr Rows kTables[] = {conv_ops,     gemm_ops,           pool_ops,
                                     view_ops,     elementwise_ops,    softmax_ops,
                                     norm_ops,     reduce_ops,         movement_ops,
                                     resize_ops,   recurrent_ops,      fourier_ops,
                                     einsum_ops,   conv_transpose_ops, deform_conv_ops,
                                     unpool_ops,   fill_ops,           attention_ops,
                                     rotary_ops,   skip_norm_ops,      bias_activation_ops,
                                     nbits_ops,    qconv_ops,          qgemm_ops,
                                     quantize_ops, qlinear_ops,        top_k_ops,
                                     scatter_ops,  cumulative_ops,     arrange_ops,
                                     sample_ops};
  for (const Rows rows : kTables)
    for (const Op& op : rows())
      if (node.is(op.name, op.domain)) return &op;
  return nullptr;
}

namespace {

// Why the listed tensor inputs and output 0 are not all of a type that passes, or "".
std::string all_of_type(const Node& node, bool (*passes)(hrt_dtype)) {
  const Graph graph(node.graph());
  const auto check = [&](uint32_t id, const char* what) -> std::string {
    if (id == HRT_NONE) return "";
    const hrt_dtype t = graph.value(id).dtype();
    return passes(t) ? "" : sdk::cat("dtype ", dtype_name(t), " of ", what);
  };
  for (const uint32_t id : node.inputs())
    if (std::string reason = check(id, "an input"); !reason.empty()) return reason;
  return check(node.output(0), "the output");
}

}  // namespace

std::string float32_only(const Node& node) {
  return all_of_type(node, [](hrt_dtype t) { return t == HRT_FLOAT32; });
}

std::string floats_only(const Node& node) {
  return all_of_type(node, [](hrt_dtype t) { return widened(t) == HRT_FLOAT32; });
}

std::optional<FloatConstant> float_constant(const Value& value) {
  const auto constant = value.constant();
  if (!constant) return std::nullopt;
  FloatConstant c{Dims(constant->dims().begin(), constant->dims().end()), nullptr, {}};
  if (is_half(constant->dtype())) {
    c.copy.resize(size_t(constant->size()));
    widen(constant->dtype(), constant->raw(), c.copy.data(), constant->size());
  } else {
    c.given = constant->data<float>();
  }
  return c;
}

}  // namespace hrt::cpu
