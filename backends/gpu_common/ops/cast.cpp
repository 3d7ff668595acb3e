// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/cast.h"

#include "backends/gpu_common/ops/pieces.h"

namespace hrt::gpu {

void cast_into(Emit& emit, Ref x, hrt_dtype from, Ref y, hrt_dtype to, int64_t n) {
  constexpr int64_t kPerThread = 4;
  const std::array tensors{Walked{x, dtype_bytes(from), {1}}, Walked{y, dtype_bytes(to), {1}}};
  for (const Piece& p : pieces_of(emit, {n}, tensors, true)) {
    Call call;
    call.kernel = sdk::cat("cast_", to == HRT_BOOL ? "bool" : type_variant(to));
    call.variant = type_variant(from);
    call.buffers = {p.windows[0].ref, p.windows[1].ref};
    call.writes = 2;
    call.push = {push_int(p.dims[0])};
    call.threads = {ceil_div(p.dims[0], kPerThread), 1, 1};
    call.linear = true;
    emit.dispatch(std::move(call));
  }
}

Ref cast_to(Emit& emit, Ref x, hrt_dtype from, hrt_dtype to, int64_t n) {
  if (from == to) return x;
  const Ref y = emit.scratch(uint64_t(n) * dtype_bytes(to));
  cast_into(emit, x, from, y, to, n);
  return y;
}

std::string castable(hrt_dtype t, const Caps& caps) {
  if (!type_variant(t) || t == HRT_FLOAT64) return sdk::cat("dtype ", dtype_name(t), " of an input");
  if ((t == HRT_INT64 || t == HRT_UINT64) && !caps.i64)
    return sdk::cat("dtype ", dtype_name(t), ": this device has no 64-bit integers");
  return storable(t, caps);
}

}  // namespace hrt::gpu
