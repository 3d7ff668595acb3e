// SPDX-License-Identifier: Apache-2.0
// Softmax, LogSoftmax and Hardmax along an axis.
#include "backends/gpu_common/ops/rows.h"

namespace hrt::gpu {
namespace {

enum : int32_t { kSoftmax, kLogSoftmax, kHardmax };  // OP of kernels/softmax.comp

Compiled compile(const Node& node, Uploads&) {
  const int32_t op = node.op() == "Softmax" ? kSoftmax : node.op() == "LogSoftmax" ? kLogSoftmax : kHardmax;
  Compiled c;
  c.emit = [op, axis = node.i("axis", -1)](Emit& e) {
    const Operand& x = e.in()[0];
    const Lines l = lines_of(x.dims, axis);
    const int32_t lanes = row_lanes(e.caps(), l.count(), l.n, l.inner == 1);
    Call call = row_call(e.caps(), "softmax", type_variant(x.dtype), lanes, l.count());
    call.constants.push_back(op);
    call.buffers = {e.in_ref(0), e.out_ref(0)};
    call.writes = 2;
    call.push = {push_int(l.count()), push_int(l.n), push_int(l.inner)};
    e.dispatch(std::move(call));
  };
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
