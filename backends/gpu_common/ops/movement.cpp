// SPDX-License-Identifier: Apache-2.0
// Operators that move elements about: Transpose, Expand, Concat, Split, Slice, Tile, DepthToSpace,
// SpaceToDepth, Pad, ConstantOfShape. All but Pad's modes are copies of boxes (kernels/strided.comp).
#include <algorithm>
#include <cstring>
#include <numeric>

#include "backends/gpu_common/ops/strided.h"

namespace hrt::gpu {
namespace {

using sdk::cat;

Compiled emitting(std::function<void(Emit&)> emit) {
  Compiled c;
  c.emit = std::move(emit);
  return c;
}

Compiled compile_transpose(const Node& node, Uploads&) {
  return emitting([perm = node.ints("perm")](Emit& e) {
    const Operand& x = e.in()[0];
    const Operand& y = e.out()[0];
    Dims order = perm;
    if (order.empty())
      for (int d = x.rank(); d-- > 0;) order.push_back(d);
    require(order.size() == x.dims.size(), "perm has ", order.size(), " axes, the input ", x.rank());
    const Dims strides = strides_of(x.dims);
    Box box{y.dims, {}, strides_of(y.dims)};
    for (const int64_t axis : order) box.xs.push_back(strides[axis_of(axis, x.rank())]);
    copy_box(e, e.in_ref(0), e.out_ref(0), x.dtype, box);
  });
}

Compiled compile_expand(const Node&, Uploads&) {
  return emitting([](Emit& e) {
    const Operand& x = e.in()[0];
    const Operand& y = e.out()[0];
    const size_t lead = y.dims.size() - x.dims.size();
    const Dims strides = strides_of(x.dims);
    Box box{y.dims, Dims(y.dims.size(), 0), strides_of(y.dims)};
    for (size_t d = 0; d < x.dims.size(); ++d)
      if (x.dims[d] != 1) box.xs[lead + d] = strides[d];
    copy_box(e, e.in_ref(0), e.out_ref(0), x.dtype, box);
  });
}

// Tile r of axis d is the coordinate before that of d.
Compiled compile_tile(const Node&, Uploads&) {
  return emitting([](Emit& e) {
    const Operand& x = e.in()[0];
    const Operand& y = e.out()[0];
    const Dims xs = strides_of(x.dims), ys = strides_of(y.dims);
    Box box;
    for (size_t d = 0; d < x.dims.size(); ++d) {
      if (x.dims[d] == 0) return;
      for (const bool whole : {true, false}) {
        box.dims.push_back(whole ? y.dims[d] / x.dims[d] : x.dims[d]);
        box.xs.push_back(whole ? 0 : xs[d]);
        box.ys.push_back(whole ? ys[d] * x.dims[d] : ys[d]);
      }
    }
    copy_box(e, e.in_ref(0), e.out_ref(0), x.dtype, box);
  });
}

Compiled compile_concat(const Node& node, Uploads&) {
  return emitting([axis = node.i("axis")](Emit& e) {
    const Operand& y = e.out()[0];
    const size_t at = axis_of(axis, y.rank());
    const Dims ys = strides_of(y.dims);
    int64_t to = 0;
    for (size_t i = 0; i < e.in().size(); ++i) {
      const Operand& x = e.in()[i];
      if (x.count() > 0)
        copy_box(e, e.in_ref(i), e.out_ref(0), x.dtype, {x.dims, strides_of(x.dims), ys, 0, to});
      to += x.dims[at] * ys[at];
    }
  });
}

Compiled compile_split(const Node& node, Uploads&) {
  return emitting([axis = node.i("axis")](Emit& e) {
    const Operand& x = e.in()[0];
    const size_t at = axis_of(axis, x.rank());
    const Dims xs = strides_of(x.dims);
    const int64_t parts = int64_t(e.out().size());
    const Dims given = e.has_in(1) ? e.in()[1].known_ints() : Dims{};
    require(given.empty() || int64_t(given.size()) == parts, "as many parts as outputs are wanted");
    int64_t from = 0;
    for (size_t i = 0; i < e.out().size(); ++i) {
      const Operand& y = e.out()[i];
      const int64_t even = ceil_div(x.dims[at], parts);
      const int64_t part =
          given.empty() ? std::clamp<int64_t>(x.dims[at] - int64_t(i) * even, 0, even) : given[i];
      if (y.present())
        copy_box(e, e.in_ref(0), e.out_ref(i), x.dtype, {y.dims, xs, strides_of(y.dims), from * xs[at], 0});
      from += part;
    }
  });
}

// Where a slice begins: counted from the end when negative, then limited to the axis.
int64_t first_of(int64_t start, int64_t step, int64_t n) {
  if (start < 0) start = start < -n ? (step > 0 ? 0 : -1) : start + n;
  return step > 0 ? std::clamp<int64_t>(start, 0, n)
                  : std::clamp<int64_t>(start, 0, std::max<int64_t>(n - 1, 0));
}

Compiled compile_slice(const Node&, Uploads&) {
  return emitting([](Emit& e) {
    const Operand& x = e.in()[0];
    const Operand& y = e.out()[0];
    const Dims starts = e.in()[1].known_ints();
    Dims axes(starts.size()), steps(starts.size(), 1);
    std::iota(axes.begin(), axes.end(), 0);
    if (e.has_in(3)) axes = e.in()[3].known_ints();
    if (e.has_in(4)) steps = e.in()[4].known_ints();
    require(axes.size() == starts.size() && steps.size() == starts.size(), "starts, axes and steps differ");
    Box box{y.dims, strides_of(x.dims), strides_of(y.dims)};
    for (size_t k = 0; k < starts.size(); ++k) {
      const size_t d = axis_of(axes[k], x.rank());
      box.from += first_of(starts[k], steps[k], x.dims[d]) * box.xs[d];
      // A single element is taken whatever the step, which may be as large as integers are.
      box.xs[d] = y.dims[d] > 1 ? box.xs[d] * steps[k] : 0;
    }
    copy_box(e, e.in_ref(0), e.out_ref(0), x.dtype, box);
  });
}

// The six coordinates of a block rearrangement in the deep form [n, c*b*b, h, w], and the spread one.
Box blocks(const Dims& deep, const Dims& spread, int64_t b, bool crd) {
  const Dims ds = strides_of(deep), ss = strides_of(spread);
  const int64_t channels = spread[1];
  const int64_t of_channel = crd ? b * b * ds[1] : ds[1], of_block = crd ? ds[1] : channels * ds[1];
  return {{deep[0], channels, deep[2], b, deep[3], b},
          {ds[0], of_channel, ds[2], of_block * b, ds[3], of_block},
          {ss[0], ss[1], b * ss[2], ss[2], b * ss[3], ss[3]}};
}

Compiled compile_depth_to_space(const Node& node, Uploads&) {
  return emitting([b = node.i("blocksize"), crd = node.s("mode", "DCR") == "CRD"](Emit& e) {
    copy_box(e, e.in_ref(0), e.out_ref(0), e.in()[0].dtype, blocks(e.in()[0].dims, e.out()[0].dims, b, crd));
  });
}

Compiled compile_space_to_depth(const Node& node, Uploads&) {
  return emitting([b = node.i("blocksize"), crd = node.s("mode", "DCR") == "CRD"](Emit& e) {
    Box box = blocks(e.out()[0].dims, e.in()[0].dims, b, crd);
    std::swap(box.xs, box.ys);
    copy_box(e, e.in_ref(0), e.out_ref(0), e.in()[0].dtype, box);
  });
}

// ------------------------------------------------------------------------------------------- Pad

Dims pads_before(const Emit& e) {
  const int rank = e.in()[0].rank();
  const Dims pads = e.in()[1].known_ints();
  Dims axes(size_t(rank), 0), before(size_t(rank), 0);
  std::iota(axes.begin(), axes.end(), 0);
  if (e.has_in(3)) axes = e.in()[3].known_ints();
  require(pads.size() == 2 * axes.size(), pads.size(), " pads for ", axes.size(), " axes");
  for (size_t k = 0; k < axes.size(); ++k) before[axis_of(axes[k], rank)] = pads[k];
  return before;
}

void pad_constant(Emit& e) {
  const Operand& x = e.in()[0];
  const Operand& y = e.out()[0];
  const Dims before = pads_before(e);
  fill(e, e.has_in(2) ? std::optional(e.in_ref(2)) : std::nullopt);
  Box box{{}, strides_of(x.dims), strides_of(y.dims)};
  for (size_t d = 0; d < x.dims.size(); ++d) {
    const int64_t skipped = std::max<int64_t>(-before[d], 0), shift = std::max<int64_t>(before[d], 0);
    box.dims.push_back(std::max<int64_t>(std::min(x.dims[d] - skipped, y.dims[d] - shift), 0));
    box.from += skipped * box.xs[d];
    box.to += shift * box.ys[d];
  }
  copy_box(e, e.in_ref(0), e.out_ref(0), x.dtype, box);
}

void pad_mirrored(Emit& e, int32_t mode) {
  const Operand& x = e.in()[0];
  const Operand& y = e.out()[0];
  constexpr size_t kRank = 7;
  if (x.dims.size() > kRank) unsupported("Pad of rank ", x.rank(), ", the kernel has ", kRank);
  require(x.count() > 0, "an axis without elements cannot be padded by its elements");
  const Dims before = pads_before(e), strides = strides_of(x.dims);
  Call call;
  call.kernel = "pad";
  call.variant = size_variant(x.dtype);
  call.constants = {x.rank(), mode};
  call.buffers = {e.in_ref(0), e.out_ref(0)};
  call.writes = 2;
  call.push = {push_int(y.count())};
  for (const Dims* list : {&y.dims, &x.dims, &before, &strides})
    for (size_t d = 0; d < kRank; ++d) call.push.push_back(d < list->size() ? push_int((*list)[d]) : 0);
  call.threads = {y.count(), 1, 1};
  call.linear = true;
  e.dispatch(std::move(call));
}

Compiled compile_pad(const Node& node, Uploads&) {
  const std::string mode = node.s("mode", "constant");
  if (mode == "constant") return emitting(pad_constant);
  require(mode == "edge" || mode == "reflect" || mode == "wrap", "there is no mode ", mode);
  return emitting(
      [which = mode == "edge" ? 0 : (mode == "reflect" ? 1 : 2)](Emit& e) { pad_mirrored(e, which); });
}

// The other modes are no copies of boxes.
Split pad_splits(const Node& node, const Caps&, std::optional<size_t>) {
  return node.s("mode", "constant") == "constant" ? Split::kBound : Split::kNot;
}

// ------------------------------------------------------------------------------- ConstantOfShape

std::string constant_supports(const Node& node, const Caps& caps) {
  return storable(Graph(node.graph()).value(node.output(0)).dtype(), caps);
}

Compiled compile_constant(const Node& node, Uploads&) {
  std::vector<std::byte> value;
  if (const auto t = node.tensor("value")) {
    require(t->size() == 1, "attribute value must have one element");
    value.resize(t->bytes());
    std::memcpy(value.data(), t->raw(), t->bytes());
  }
  return emitting([value](Emit& e) {
    fill(e, value.empty() ? std::nullopt : std::optional(e.data(value.data(), value.size())));
  });
}

constexpr Op kOps[] = {
    {"", "Transpose", movable, compile_transpose, nullptr, splits_all},
    {"", "Expand", movable, compile_expand, nullptr, splits_all},
    {"", "Tile", movable, compile_tile, nullptr, splits_all},
    {"", "Concat", movable, compile_concat, nullptr, splits_all},
    {"", "Split", movable, compile_split, nullptr, splits_all},
    {"", "Slice", movable, compile_slice, nullptr, splits_all},
    {"", "DepthToSpace", movable, compile_depth_to_space, nullptr, splits_all},
    {"", "SpaceToDepth", movable, compile_space_to_depth, nullptr, splits_all},
    {"", "Pad", movable, compile_pad, nullptr, pad_splits},
    {"", "ConstantOfShape", constant_supports, compile_constant, nullptr, splits_all},
};

}  // namespace

std::span<const Op> movement_ops() { return kOps; }

}  // namespace hrt::gpu
