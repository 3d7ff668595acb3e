// SPDX-License-Identifier: Apache-2.0
// Softmax, LogSoftmax and Hardmax along an axis.
#include "backends/gpu_common/ops/rows.h"

namespace hrt::gpu {
namespace {

enum : int32_t { kSoftmax, kLogSoftmax, kHardmax };  // OP of kernels/softmax.comp

Compiled compile(const Node& node, Uploads&) {
  const int32_t op = node.op() == "Softmax" ? kSoftmax : node.op() == "LogSoftmax" ? kLogSoftmax : kHardmax;
  Compiled c;
  c.emit = [op, axis = node.i("axis", -1)](Emit& e) { emit_along_axis(e, "softmax", axis, {op}); };
  return c;
}

}  // namespace

std::span<const Op> softmax_ops() {
  static const Op ops[] = {{"", "Softmax", floats_only, compile},
                           {"", "LogSoftmax", floats_only, compile},
                           {"", "Hardmax", floats_only, compile}};
  return ops;
}

}  // namespace hrt::gpu
