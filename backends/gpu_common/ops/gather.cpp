// SPDX-License-Identifier: Apache-2.0
// Gather: slices of a tensor along one axis, by index.
#include "backends/gpu_common/ops/strided.h"
#include "backends/gpu_common/ops/walk.h"

namespace hrt::gpu {
namespace {

Compiled compile_gather(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [axis = node.i("axis")](Emit& e) {
    const Operand& x = e.in()[0];
    const Operand& k = e.in()[1];
    const size_t at = axis_of(axis, x.rank());
    const std::span<const int64_t> dims(x.dims);
    const int64_t outer = sdk::element_count(dims.first(at)),
                  inner = sdk::element_count(dims.subspan(at + 1));
    push_int(x.count());  // the kernel indexes with 32 bits
    push_int(e.out()[0].count());
    const Grid g = grid(e.caps(), inner, outer * k.count());
    Call call;
    call.kernel = "gather";
    call.variant = size_variant(x.dtype);
    call.constants = {int32_t(dtype_bytes(k.dtype) / 4)};
    call.buffers = {e.in_ref(0), e.in_ref(1), e.out_ref(0)};
    call.writes = 4;
    call.push = {push_int(inner), push_int(outer * k.count()), push_int(k.count()), push_int(dims[at])};
    call.group = g.group;
    call.threads = g.threads;
    e.dispatch(std::move(call));
  };
  return c;
}

constexpr Op kOps[] = {{"", "Gather", movable, compile_gather}};

}  // namespace

std::span<const Op> gather_ops() { return kOps; }

}  // namespace hrt::gpu
