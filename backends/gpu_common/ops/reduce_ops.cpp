// SPDX-License-Identifier: Apache-2.0
// Reduce* over any axes, ArgMax, ArgMin, CumSum, CumProd.
#include "backends/gpu_common/ops/reduce.h"
#include "backends/gpu_common/ops/rows.h"

namespace hrt::gpu {
namespace {

// ------------------------------------------------------------------------------------------ Reduce*

struct Row {
  const char* name;
  Reduction op;
  bool integers;  // computes them too
  bool bytes;
};
constexpr Row kRows[] = {
    {"ReduceSum", Reduction::kSum, true, false},
    {"ReduceMean", Reduction::kMean, true, false},
    {"ReduceProd", Reduction::kProd, true, false},
    {"ReduceMax", Reduction::kMax, true, true},
    {"ReduceMin", Reduction::kMin, true, true},
    {"ReduceSumSquare", Reduction::kSumSquare, true, false},
    {"ReduceL1", Reduction::kL1, true, false},
    {"ReduceL2", Reduction::kL2, false, false},
    {"ReduceLogSum", Reduction::kLogSum, false, false},
    {"ReduceLogSumExp", Reduction::kLogSumExp, false, false},
};

const Row& row_of(const Node& node) {
  for (const Row& r : kRows)
    if (node.op() == r.name) return r;
  unsupported("operator ", node.op());
}

// Of the elements alone: axes are read before the run.
std::string element_types(const Node& node, const Caps& caps, std::span<const hrt_dtype> types) {
  const hrt_dtype t = Value(node.graph(), node.input(0)).dtype();
  if (std::ranges::find(types, t) == types.end()) return sdk::cat("dtype ", dtype_name(t));
  if (dtype_bits(t) == 64 && !caps.i64) return "this device has no 64-bit integers";
  return storable(t, caps);
}

std::string reduce_supports(const Node& node, const Caps& caps) {
  static constexpr hrt_dtype kTypes[] = {HRT_FLOAT32, HRT_FLOAT16, HRT_INT32, HRT_INT64, HRT_UINT32,
                                         HRT_UINT64,  HRT_INT8,    HRT_UINT8, HRT_BOOL};
  const Row& row = row_of(node);
  return element_types(node, caps, std::span(kTypes).first(row.bytes ? 9 : row.integers ? 6 : 2));
}

Compiled reduce_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [op = row_of(node).op, noop = node.i("noop_with_empty_axes") != 0](Emit& e) {
    const Operand& x = e.in()[0];
    const Dims axes = e.has_in(1) ? e.in()[1].known_ints() : Dims();
    std::vector<bool> reduced(x.dims.size(), axes.empty() && !noop);
    for (const int64_t axis : axes) reduced[checked_axis(axis, x.rank())] = true;
    emit_reduction(e, op, reduced, 0);
  };
  return c;
}

// ---------------------------------------------------------------------------------- ArgMax, ArgMin

std::string arg_supports(const Node& node, const Caps& caps) {
  static constexpr hrt_dtype kTypes[] = {HRT_FLOAT32, HRT_FLOAT16, HRT_INT32, HRT_INT64,
                                         HRT_UINT32,  HRT_UINT64,  HRT_INT8,  HRT_UINT8};
  return element_types(node, caps, kTypes);
}

Compiled arg_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [axis = node.i("axis"), largest = node.op() == "ArgMax",
            last = node.i("select_last_index") != 0](Emit& e) {
    const Lines l = lines_of(e.in()[0].dims, axis);
    require(l.n > 0 || l.count() == 0, "axis ", axis, " is empty");
    const int32_t lanes = row_lanes(e.caps(), l.count(), l.n, l.inner == 1);
    Call call = row_call(e.caps(), "arg", type_variant(e.in()[0].dtype), lanes, l.count());
    call.constants.insert(call.constants.end(), {largest, last});
    call.buffers = {e.in_ref(0), e.out_ref(0)};
    call.writes = 2;
    call.push = {push_int(l.count()), push_int(l.n), push_int(l.inner)};
    e.dispatch(std::move(call));
  };
  return c;
}

// ---------------------------------------------------------------------------------- CumSum, CumProd

std::string scan_supports(const Node& node, const Caps& caps) {
  static constexpr hrt_dtype kTypes[] = {HRT_FLOAT32, HRT_FLOAT16, HRT_INT32,
                                         HRT_INT64,   HRT_UINT32,  HRT_UINT64};
  if (!Value(node.graph(), node.input(1)).is_constant()) return "an axis that is not a constant";
  return element_types(node, caps, kTypes);
}

Compiled scan_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [product = node.op() == "CumProd", exclusive = node.i("exclusive") != 0,
            reverse = node.i("reverse") != 0](Emit& e) {
    const Dims axis = e.in()[1].known_ints();
    require(axis.size() == 1, "axis has shape ", e.in()[1].dims, ", not scalar");
    emit_along_axis(e, "scan", axis[0], {product, exclusive, reverse});
  };
  return c;
}

}  // namespace

// The dims as alternating kept and reduced ones, neighbours of a kind merged.
void emit_reduction(Emit& e, Reduction op, const Reduced& x, const std::vector<bool>& reduced, Ref y,
                    float order) {
  const Dims& dims = x.dims;
  constexpr size_t kMostAxes = 4;  // of the kernel
  struct Axes {
    Dims sizes, strides;  // innermost first
  } kept, gone;
  int64_t stride = 1, rows = 1, n = 1;
  int last = -1;
  for (size_t i = dims.size(); i-- > 0;) {
    (reduced[i] ? n : rows) *= dims[i];
    if (dims[i] == 1) continue;
    Axes& to = reduced[i] ? gone : kept;
    if (last == int(reduced[i])) {
      to.sizes.back() *= dims[i];
    } else {
      to.sizes.push_back(dims[i]);
      to.strides.push_back(stride);
    }
    last = reduced[i];
    stride *= dims[i];
  }
  if (std::max(kept.sizes.size(), gone.sizes.size()) > kMostAxes)
    unsupported("a reduction of shape ", dims, " over more than ", kMostAxes, " separate groups of axes");
  const bool contiguous = !gone.strides.empty() && gone.strides[0] == 1;
  const int32_t lanes = row_lanes(e.caps(), rows, n, contiguous);
  Call call = row_call(e.caps(), "reduce", type_variant(x.dtype), lanes, rows);
  call.push = {push_int(rows), push_int(n), push_float(order)};
  for (Axes* a : {&kept, &gone}) {
    if (a->sizes.empty()) *a = {{1}, {0}};
    call.constants.push_back(int32_t(a->sizes.size()));
    for (Dims* d : {&a->sizes, &a->strides}) {
      std::ranges::reverse(*d);
      d->resize(kMostAxes, 1);
      for (const int64_t v : *d) call.push.push_back(push_int(v));
    }
  }
  call.constants.insert(call.constants.begin() + 1, int32_t(op));
  call.buffers = {x.ref, y};
  call.writes = 2;
  e.dispatch(std::move(call));
}

void emit_reduction(Emit& e, Reduction op, const std::vector<bool>& reduced, float order) {
  const Operand& x = e.in()[0];
  emit_reduction(e, op, {e.in_ref(0), x.dtype, x.dims}, reduced, e.out_ref(0), order);
}

std::span<const Op> reduce_ops() {
  static const Op ops[] = {
      {"", "ReduceSum", reduce_supports, reduce_compile},
      {"", "ReduceMean", reduce_supports, reduce_compile},
      {"", "ReduceProd", reduce_supports, reduce_compile},
      {"", "ReduceMax", reduce_supports, reduce_compile},
      {"", "ReduceMin", reduce_supports, reduce_compile},
      {"", "ReduceSumSquare", reduce_supports, reduce_compile},
      {"", "ReduceL1", reduce_supports, reduce_compile},
      {"", "ReduceL2", reduce_supports, reduce_compile},
      {"", "ReduceLogSum", reduce_supports, reduce_compile},
      {"", "ReduceLogSumExp", reduce_supports, reduce_compile},
      {"", "ArgMax", arg_supports, arg_compile},
      {"", "ArgMin", arg_supports, arg_compile},
      {"", "CumSum", scan_supports, scan_compile},
      {"", "CumProd", scan_supports, scan_compile},
  };
  return ops;
}

}  // namespace hrt::gpu
