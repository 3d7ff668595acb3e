// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/strided.h"

#include "backends/gpu_common/ops/pieces.h"
#include "backends/gpu_common/ops/walk.h"

namespace hrt::gpu {

namespace {

constexpr size_t kOuterDims = 8;  // of kernels/strided.comp

// m: merged.
Call box_call(const Caps& caps, Ref x, Ref y, const char* variant, const Box& m) {
  const size_t outer = m.dims.size() - 1;
  const int64_t rows = sdk::element_count(std::span(m.dims).first(outer));
  Call call;
  call.kernel = "strided";
  call.variant = variant;
  call.constants = {int32_t(outer)};
  call.buffers = {x, y};
  call.writes = 2;
  call.push = {push_int(m.dims.back()), push_int(rows),        push_int(m.from),
               push_int(m.to),          push_int(m.xs.back()), push_int(m.ys.back())};
  for (const Dims* list : {&m.dims, &m.xs, &m.ys})
    for (size_t d = 0; d < kOuterDims; ++d) call.push.push_back(d < outer ? push_int((*list)[d]) : 0);
  const Grid g = grid(caps, m.dims.back(), rows);
  call.group = g.group;
  call.threads = g.threads;
  return call;
}

}  // namespace

Box merged(const Box& box) {
  Box m{{}, {}, {}, box.from, box.to};
  for (size_t d = 0; d < box.dims.size(); ++d) {
    const int64_t n = box.dims[d];
    if (n == 1) continue;
    if (!m.dims.empty() && m.xs.back() == box.xs[d] * n && m.ys.back() == box.ys[d] * n) {
      m.dims.back() *= n;
      m.xs.back() = box.xs[d];
      m.ys.back() = box.ys[d];
      continue;
    }
    m.dims.push_back(n);
    m.xs.push_back(box.xs[d]);
    m.ys.push_back(box.ys[d]);
  }
  if (m.dims.empty()) m.dims = m.xs = m.ys = {1};
  return m;
}

void copy_box(Emit& e, Ref x, Ref y, hrt_dtype dtype, const Box& box) {
  if (sdk::element_count(box.dims) == 0) return;
  const Box m = merged(box);
  if (m.dims.size() > kOuterDims + 1)
    unsupported("moving elements over ", m.dims.size(), " dims, kernels have ", kOuterDims + 1);
  const char* variant = size_variant(dtype);
  require(variant != nullptr, "dtype ", dtype_name(dtype));
  const std::array tensors{Walked{x, dtype_bytes(dtype), m.xs, m.from},
                           Walked{y, dtype_bytes(dtype), m.ys, m.to}};
  for (const Piece& p : pieces_of(e, m.dims, tensors, false)) {
    const auto &from = p.windows[0], &to = p.windows[1];
    e.dispatch(box_call(e.caps(), from.ref, to.ref, variant,
                        {p.dims, m.xs, m.ys, first_element(p, tensors[0]) - from.first,
                         first_element(p, tensors[1]) - to.first}));
  }
}

void fill(Emit& e, std::optional<Ref> x) {
  constexpr int64_t kPerThread = 4;
  const hrt_dtype dtype = e.out()[0].dtype;
  const std::array tensors{Walked{e.out_ref(0), dtype_bytes(dtype), {1}}};
  for (const Piece& p : pieces_of(e, {e.out()[0].count()}, tensors, true)) {
    const Ref y = p.windows[0].ref;
    Call call;
    call.kernel = "fill";
    call.variant = size_variant(dtype);
    call.constants = {x ? 0 : 1};
    call.buffers = {x.value_or(y), y};
    call.writes = 2;
    call.push = {push_int(p.dims[0])};
    call.threads = {ceil_div(p.dims[0], kPerThread), 1, 1};
    call.linear = true;
    e.dispatch(std::move(call));
  }
}

Dims strides_of(std::span<const int64_t> dims) {
  Dims strides(dims.size(), 1);
  for (size_t d = dims.size(); d-- > 1;) strides[d - 1] = strides[d] * dims[d];
  return strides;
}

size_t axis_of(int64_t axis, int rank) {
  require(axis >= -rank && axis < rank, "axis ", axis, " of a tensor of rank ", rank);
  return size_t(axis < 0 ? axis + rank : axis);
}

std::string movable(const Node& node, const Caps& caps) {
  return storable(Graph(node.graph()).value(node.input(0)).dtype(), caps);
}

}  // namespace hrt::gpu
