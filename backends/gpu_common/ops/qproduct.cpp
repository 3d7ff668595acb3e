// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/qproduct.h"

#include "backends/gpu_common/ops/cast.h"
#include "backends/gpu_common/ops/quantize.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/stack.h"
#include "backends/gpu_common/ops/turns.h"

namespace hrt::gpu {
namespace {

constexpr int64_t kFour = 4;

void push_ints(Call& call, std::initializer_list<int64_t> values) {
  for (const int64_t v : values) call.push.push_back(push_int(v));
}

// Lines of a factor as the kernel wants them, lines_first for the left one.
Ref pack(Emit& emit, const Factor& f, bool left, int64_t lines, int64_t k, const Batch& dims) {
  const int64_t fours = ceil_div(lines, kFour), k4 = ceil_div(k, kFour);
  const int64_t n = sdk::element_count(Dims{dims[0], dims[1], dims[2], fours, k4});
  push_int(n * 4);
  Call call = element_call("qgemm_pack", "", n);
  call.constants = {left};
  const Strided& s = f.bytes;
  push_ints(call, {n, fours, k4, lines, k, left ? s.row : s.col, left ? s.col : s.row, flip_of(f.dtype),
                   dims[1], dims[2], s.batch[0], s.batch[1], s.batch[2]});
  const Ref to = emit.scratch(uint64_t(n) * 16);
  call.buffers = {s.ref, to};
  call.writes = 2;
  emit.dispatch(std::move(call));
  return to;
}

struct Packed {
  Ref ref;
  Batch strides;  // count matrices
};
Packed packed(Emit& emit, const QProduct& p, const Factor& f, bool left) {
  if (f.packed) return {*f.packed, f.bytes.batch};
  const Matrices own = own_matrices(p.dims, f.bytes.batch);
  return {pack(emit, f, left, left ? p.m : p.n, p.k, own.dims), own.strides};
}

const char* variant_of(hrt_dtype t) { return is_byte(t) ? "u8" : type_variant(t); }

PerLine lines_of_input(Emit& emit, size_t i, int64_t lines, int64_t all, const char* name) {
  const int64_t n = emit.in()[i].count();
  require(n == 1 || n == lines || n == all, name, " of shape ", emit.in()[i].dims,
          " is neither one for all nor one per line");
  if (n == 1) return {HRT_NONE, 0, 0};
  return {HRT_NONE, 1, n == lines ? 0 : lines};
}

}  // namespace

PerLine per_line(Emit& emit, size_t i, int64_t lines, int64_t all, const char* name) {
  if (!emit.has_in(i)) return {};
  PerLine p = lines_of_input(emit, i, lines, all, name);
  p.ref = emit.in_ref(i);
  return p;
}

PerLine scales_per_line(Emit& emit, size_t i, int64_t lines, int64_t all, const char* name) {
  PerLine p = lines_of_input(emit, i, lines, all, name);
  p.ref = cast_to(emit, emit.in_ref(i), emit.in()[i].dtype, HRT_FLOAT32, emit.in()[i].count());
  return p;
}

void emit_qproduct(Emit& emit, const QProduct& p) {
  const int64_t batches = sdk::element_count(Dims(p.dims.begin(), p.dims.end()));
  if (sdk::element_count(Dims{batches, p.m, p.n}) == 0) return;
  push_int(sdk::element_count(Dims{batches, p.m, p.n}));
  require_turns(emit.caps(), ceil_div(p.k, kFour));
  const Packed a = packed(emit, p, p.a, true), b = packed(emit, p, p.b, false);
  const int64_t panels = ceil_div(p.m, kFour), n4 = ceil_div(p.n, kFour);
  const int32_t tall = panels > 1 ? 2 : 1;
  Call call;
  call.kernel = emit.caps().dot8 ? "qgemm_dot" : "qgemm";
  call.variant = variant_of(p.dtype);
  call.constants = {tall, zero_kind(p.a.dtype, p.a.zero.ref != HRT_NONE),
                    zero_kind(p.b.dtype, p.b.zero.ref != HRT_NONE),
                    p.bias.ref == HRT_NONE ? 0
                    : p.bias.real          ? 2
                                           : 1,
                    y_zero_kind(p.dtype, p.y_zero != HRT_NONE)};
  push_ints(call, {p.m, p.n, p.k, ceil_div(p.k, kFour), n4, panels, p.dims[1], p.dims[2]});
  for (const Batch& s : {a.strides, b.strides}) push_ints(call, {s[0], s[1], s[2]});
  for (const PerLine* l : {&p.a.zero, &p.b.zero, &p.a.scale, &p.b.scale})
    push_ints(call, {l->line, l->matrix});
  push_ints(call, {p.bias.row, p.bias.column});
  call.push.push_back(push_float(p.alpha));
  const auto bound = [&](Ref ref) { return ref != HRT_NONE ? ref : a.ref; };
  call.buffers = {a.ref,
                  b.ref,
                  bound(p.a.zero.ref),
                  bound(p.b.zero.ref),
                  bound(p.a.scale.ref),
                  bound(p.b.scale.ref),
                  bound(p.bias.ref),
                  bound(p.y_scale),
                  bound(p.y_zero),
                  p.y};
  call.writes = 1u << 9;
  call.group = emit.caps().is_cpu ? std::array<uint32_t, 3>{8, 1, 1} : std::array<uint32_t, 3>{16, 8, 1};
  call.threads = {n4, ceil_div(panels, tall), batches};
  emit.dispatch(std::move(call));
}

std::vector<uint32_t> pack_bytes(const void* data, hrt_dtype dtype, int64_t count, int64_t rows, int64_t k) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  const int64_t panels = ceil_div(rows, kFour), k4 = ceil_div(k, kFour);
  const auto flip = uint32_t(flip_of(dtype));
  std::vector<uint32_t> to(size_t(sdk::element_count(Dims{count, panels, k4, kFour})));
  for (int64_t i = 0; i < count; ++i)
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < k; ++c)
        to[size_t(((i * panels + r / kFour) * k4 + c / kFour) * kFour + r % kFour)] |=
            (bytes[(i * rows + r) * k + c] ^ flip) << (8 * (c % kFour));
  return to;
}

}  // namespace hrt::gpu
