// SPDX-License-Identifier: Apache-2.0
// ScatterElements, ScatterND: a copy of a tensor with elements or slices updated, by index.
#include <algorithm>

#include "backends/gpu_common/kernels/scatter_ops.h"
#include "backends/gpu_common/ops/index.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/strided.h"
#include "backends/gpu_common/ops/turns.h"

namespace hrt::gpu {
namespace {

int32_t reduction_of(const Node& node) {
  constexpr const char* kNames[] = {"none", "add", "mul", "max", "min"};  // by number of scatter_ops.h
  const std::string name = node.s("reduction", "none");
  for (int32_t i = 0; i < int32_t(std::size(kNames)); ++i)
    if (name == kNames[i]) return i;
  fail("there is no reduction ", name);
}

std::string supports(const Node& node, const Caps& caps) {
  static constexpr hrt_dtype kTypes[] = {HRT_FLOAT32, HRT_FLOAT16, HRT_INT32, HRT_UINT32,
                                         HRT_INT64,   HRT_UINT64,  HRT_INT8,  HRT_UINT8};
  const hrt_dtype t = Value(node.graph(), node.input(0)).dtype();
  if (node.s("reduction", "none") != "none") {
    if (std::ranges::find(kTypes, t) == std::end(kTypes))
      return sdk::cat("a reduction of dtype ", dtype_name(t));
    if (dtype_bits(t) == 64 && !caps.i64) return "this device has no 64-bit integers";
  }
  return storable(t, caps);
}

struct Scatter {
  Box lines;  // xs: of updates, ys: of the output
  Ref indices = 0;
  int32_t words = 1;
  bool shared_indices = false;
  IndexCheck check{};
  int64_t count = 0, size = 0, step = 0, update_step = 0;
  int32_t reduction = SCATTER_NONE;
};

// Invocations that share a line: enough to keep the device busy where lines are few. All of them read all
// indices.
int32_t lanes_of(const Caps& caps, int64_t lines, int64_t size) {
  const int64_t wanted = caps.is_cpu ? 32 : 4096;
  return int32_t(std::clamp<int64_t>(ceil_div(wanted, lines), 1, std::max<int64_t>(size, 1)));
}

void dispatch_scatter(Emit& e, const Scatter& s) {
  constexpr size_t kRank = 8;
  const Operand& y = e.out()[0];
  const Box box = merged(s.lines);
  if (box.dims.size() > kRank) unsupported("data of shape ", y.dims, ": the kernel has ", kRank, " dims");
  const int64_t lines = sdk::element_count(box.dims);
  push_int(y.count());
  push_int(e.in()[2].count());
  const int32_t lanes = lanes_of(e.caps(), lines, s.size);
  Call call = element_call(
      "scatter", s.reduction == SCATTER_NONE ? size_variant(y.dtype) : type_variant(y.dtype), lines * lanes);
  call.constants = {s.words, s.check.on_device, int32_t(box.dims.size()), s.shared_indices,
                    lanes,   s.reduction};
  call.buffers = {s.indices, e.in_ref(2), e.out_ref(0), s.check.fault};
  call.writes = 4;
  for (const int64_t v : {lines, int64_t(0), s.count, s.size, s.step, s.update_step})
    call.push.push_back(push_int(v));
  for (const Dims* list : {&box.dims, &box.ys, &box.xs})
    for (size_t d = 0; d < kRank; ++d) call.push.push_back(d < list->size() ? push_int((*list)[d]) : 0);
  for (int64_t first = 0; first < s.count; first += kMostTurns) {
    call.push[1] = push_int(first);
    call.push[2] = push_int(std::min(first + kMostTurns, s.count));
    e.dispatch(call);
  }
}

void copy_data(Emit& e) {
  const int64_t n = e.in()[0].count();
  copy_box(e, e.in_ref(0), e.out_ref(0), e.in()[0].dtype, {{n}, {1}, {1}});
}

Compiled compile_scatter_elements(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [axis = node.i("axis"), reduction = reduction_of(node)](Emit& e) {
    const Operand& x = e.in()[0];
    const Operand& k = e.in()[1];
    const size_t at = axis_of(axis, x.rank());
    require(x.rank() == k.rank() && k.dims == e.in()[2].dims, "data has shape ", x.dims, ", indices ", k.dims,
            ", updates ", e.in()[2].dims);
    for (size_t d = 0; d < x.dims.size(); ++d)
      require(d == at || k.dims[d] <= x.dims[d], "indices of shape ", k.dims, " go beyond data of shape ",
              x.dims);
    copy_data(e);
    if (k.count() == 0) return;
    Scatter s{{k.dims, strides_of(k.dims), strides_of(x.dims)}};
    s.indices = e.in_ref(1);
    s.words = index_words(k.dtype);
    s.check = check_indices(e, 1, x.dims[at], axis);
    s.count = std::exchange(s.lines.dims[at], 1);
    s.size = x.dims[at];
    s.step = s.lines.ys[at];
    s.update_step = s.lines.xs[at];
    s.reduction = reduction;
    dispatch_scatter(e, s);
  };
  return c;
}

// Data as slices that index tuples number: lines are the places within a slice.
Compiled compile_scatter_nd(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [reduction = reduction_of(node)](Emit& e) {
    const std::span<const int64_t> x = e.in()[0].dims, k = e.in()[1].dims;
    require(!x.empty() && !k.empty(), "data and indices must have rank 1 at least");
    require(k.back() >= 0 && k.back() <= int64_t(x.size()), "indices of ", k.back(),
            " numbers for data of rank ", x.size());
    const auto depth = size_t(k.back());
    Dims expected(k.begin(), k.end() - 1);
    expected.insert(expected.end(), x.begin() + ptrdiff_t(depth), x.end());
    require(expected == e.in()[2].dims, "updates must have shape ", expected, ", not ", e.in()[2].dims);
    copy_data(e);
    if (e.in()[2].count() == 0) return;
    const int64_t slice = sdk::element_count(x.subspan(depth));
    Scatter s{{{slice}, {1}, {1}}};
    s.count = sdk::element_count(k.first(k.size() - 1));
    s.indices = slice_numbers(e, 1, x, s.count);
    s.shared_indices = true;
    s.check = {false, e.out_ref(0)};
    s.size = sdk::element_count(x.first(depth));
    s.step = s.update_step = slice;
    s.reduction = reduction;
    dispatch_scatter(e, s);
  };
  return c;
}

constexpr Op kOps[] = {
    {"", "ScatterElements", supports, compile_scatter_elements},
    {"", "ScatterND", supports, compile_scatter_nd},
};

}  // namespace

std::span<const Op> scatter_ops() { return kOps; }

}  // namespace hrt::gpu
