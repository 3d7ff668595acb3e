// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/strided.h"

#include "backends/gpu_common/ops/walk.h"

namespace hrt::gpu {

namespace {

constexpr size_t kOuterDims = 8;  // of kernels/strided.comp

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

Call box_call(const Caps& caps, Ref x, Ref y, hrt_dtype dtype, const Box& box) {
  const Box m = merged(box);
  const size_t outer = m.dims.size() - 1;
  if (outer > kOuterDims) unsupported("moving elements over ", outer + 1, " dims, kernels have 9");
  const int64_t rows = sdk::element_count(std::span(m.dims).first(outer));
  const char* variant = size_variant(dtype);
  require(variant != nullptr, "dtype ", dtype_name(dtype));
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

void copy_box(Emit& e, Ref x, Ref y, hrt_dtype dtype, const Box& box) {
  if (sdk::element_count(box.dims) > 0) e.dispatch(box_call(e.caps(), x, y, dtype, box));
}

void fill(Emit& e, std::optional<Ref> x) {
  const int64_t n = e.out()[0].count();
  constexpr int64_t kPerThread = 4;
  Call call;
  call.kernel = "fill";
  call.variant = size_variant(e.out()[0].dtype);
  call.constants = {x ? 0 : 1};
  call.buffers = {x.value_or(e.out_ref(0)), e.out_ref(0)};
  call.writes = 2;
  call.push = {push_int(n)};
  call.threads = {ceil_div(n, kPerThread), 1, 1};
  call.linear = true;
  e.dispatch(std::move(call));
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
