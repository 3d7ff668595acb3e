// SPDX-License-Identifier: Apache-2.0
// GridSample over up to three spatial axes.
#include "backends/gpu_common/ops/rows.h"

namespace hrt::gpu {
namespace {

constexpr int64_t kAxes = 3;  // of kernels/grid_sample.comp

// The number of a name, which is that of the kernel's constant.
int32_t number_of(const Node& node, const char* attribute, const char* otherwise,
                  std::initializer_list<const char*> names) {
  const std::string value = node.s(attribute, otherwise);
  int32_t i = 0;
  for (const char* name : names) {
    if (value == name) return i;
    ++i;
  }
  fail("there is no ", attribute, " ", value);
}

std::string supports(const Node& node, const Caps& caps) {
  const Graph graph(node.graph());
  const Value x = graph.value(node.input(0));
  if (graph.value(node.input(1)).dtype() != x.dtype()) return "a grid of another type than X";
  if (x.ranked() && x.rank() > kAxes + 2) return sdk::cat(x.rank() - 2, " spatial axes");
  return floats_only(node, caps);
}

Compiled compile(const Node& node, Uploads&) {
  const int32_t mode = number_of(node, "mode", "linear", {"nearest", "linear", "cubic"});
  const int32_t padding = number_of(node, "padding_mode", "zeros", {"zeros", "border", "reflection"});
  Compiled c;
  c.emit = [mode, padding, corners = node.i("align_corners") != 0](Emit& e) {
    const Operand &x = e.in()[0], &grid = e.in()[1], &y = e.out()[0];
    const int64_t axes = x.rank() - 2;
    require(axes >= 1 && grid.rank() == x.rank(), "x has rank ", x.rank(), ", the grid ", grid.rank());
    if (axes > kAxes) unsupported(axes, " spatial axes, the kernel has ", kAxes);
    require(grid.dims[0] == x.dims[0] && grid.dims.back() == axes, "a grid of shape ", grid.dims,
            " for x of ", x.dims);
    const std::span<const int64_t> spatial = std::span<const int64_t>(x.dims).subspan(2);
    require(sdk::element_count(spatial) > 0, "there is nothing to sample in x of shape ", x.dims);
    push_int(x.count());
    push_int(grid.count());
    Call call = element_call("grid_sample", type_variant(x.dtype), y.count());
    call.constants = {int32_t(axes), mode, padding, corners};
    call.buffers = {e.in_ref(0), e.in_ref(1), e.out_ref(0)};
    call.writes = 4;
    const std::span<const int64_t> places = std::span<const int64_t>(y.dims).subspan(2);
    call.push = {push_int(y.count()), push_int(x.dims[1]), push_int(sdk::element_count(places))};
    for (int64_t d = -kAxes; d < 0; ++d)
      call.push.push_back(d < -axes ? 1 : push_int(spatial[size_t(axes + d)]));
    e.dispatch(std::move(call));
  };
  return c;
}

constexpr Op kOps[] = {{"", "GridSample", supports, compile}};

}  // namespace

std::span<const Op> sample_ops() { return kOps; }

}  // namespace hrt::gpu
