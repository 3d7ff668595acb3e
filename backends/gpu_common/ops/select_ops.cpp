// SPDX-License-Identifier: Apache-2.0
// Operators that fill or choose by position: OneHot, Trilu, EyeLike, Range, ReverseSequence, Shape, Size.
#include <algorithm>
#include <cstring>
#include <limits>

#include "backends/gpu_common/ops/index.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/strided.h"

namespace hrt::gpu {
namespace {

constexpr int64_t kPerThread = 4;  // elements that an invocation writes

Call fill_call(const char* kernel, const char* variant, int64_t n) {
  Call call = element_call(kernel, variant, ceil_div(n, kPerThread));
  call.push = {push_int(n)};
  return call;
}

hrt_dtype type_of(const Node& node, size_t input) { return Value(node.graph(), node.input(input)).dtype(); }

// ----------------------------------------------------------------------------------------- OneHot

bool is_index(hrt_dtype t) { return t == HRT_INT32 || t == HRT_INT64; }

std::string one_hot_supports(const Node& node, const Caps& caps) {
  const hrt_dtype t = type_of(node, 0);
  if (!is_index(t) && (!type_variant(t) || t == HRT_FLOAT64 || dtype_bits(t) == 64))
    return sdk::cat("dtype ", dtype_name(t), " of the indices");
  if (!is_index(t) && !caps.i64)
    return sdk::cat("dtype ", dtype_name(t), ": this device has no 64-bit integers");
  if (std::string reason = storable(t, caps); !reason.empty()) return reason;
  return storable(type_of(node, 2), caps);
}

// Indices of other types are converted to int64, as Cast does it.
Ref index_ref(Emit& e, const Operand& indices) {
  if (is_index(indices.dtype)) return e.in_ref(0);
  const Ref converted = e.scratch(uint64_t(indices.count()) * sizeof(int64_t));
  Call call = fill_call("cast_i64", type_variant(indices.dtype), indices.count());
  call.buffers = {e.in_ref(0), converted};
  call.writes = 2;
  e.dispatch(std::move(call));
  return converted;
}

Compiled compile_one_hot(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [axis = node.i("axis", -1)](Emit& e) {
    const Operand& indices = e.in()[0];
    const Operand& y = e.out()[0];
    require(e.in()[2].count() == 2, "values must be two: off and on");
    const Lines l = lines_of(y.dims, axis);
    const Ref which = index_ref(e, indices);
    Call call = fill_call("one_hot", size_variant(y.dtype), y.count());
    call.constants = {is_index(indices.dtype) ? index_words(indices.dtype) : 2};
    call.buffers = {which, e.in_ref(2), e.out_ref(0)};
    call.writes = 4;
    call.push.insert(call.push.end(), {push_int(l.n), push_int(l.inner)});
    e.dispatch(std::move(call));
  };
  return c;
}

// --------------------------------------------------------------------------------- Trilu, EyeLike

Compiled compile_trilu(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [upper = node.i("upper", 1) != 0](Emit& e) {
    const Operand& x = e.in()[0];
    require(x.rank() >= 2, "the input must have rank 2 at least, has shape ", x.dims);
    require(!e.has_in(1) || e.in()[1].count() == 1, "k is not a scalar");
    constexpr int64_t kMain = 0;
    const Ref k = e.has_in(1) ? e.in_ref(1) : e.data(&kMain, sizeof kMain);
    Call call = fill_call("trilu", size_variant(x.dtype), x.count());
    call.constants = {upper};
    call.buffers = {e.in_ref(0), k, e.out_ref(0)};
    call.writes = 4;
    call.push.insert(call.push.end(), {push_int(x.dims[x.dims.size() - 2]), push_int(x.dims.back())});
    e.dispatch(std::move(call));
  };
  return c;
}

std::string output_storable(const Node& node, const Caps& caps) {
  return storable(Value(node.graph(), node.output(0)).dtype(), caps);
}

// The bits of 1 in a type, low bytes first.
uint64_t bits_of_one(hrt_dtype t) {
  switch (t) {
    case HRT_FLOAT32: return 0x3f800000;
    case HRT_FLOAT64: return 0x3ff0000000000000;
    case HRT_FLOAT16: return 0x3c00;
    case HRT_BFLOAT16: return 0x3f80;
    default: return 1;
  }
}

std::string eye_supports(const Node& node, const Caps& caps) {
  const hrt_dtype t = Value(node.graph(), node.output(0)).dtype();
  if (t != HRT_BFLOAT16 && !type_variant(t) && t != HRT_INT16 && t != HRT_UINT16)
    return sdk::cat("dtype ", dtype_name(t), " of the output");
  return output_storable(node, caps);
}

Compiled compile_eye(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [k = node.i("k")](Emit& e) {
    const Operand& y = e.out()[0];
    require(y.rank() == 2, "the input must be a matrix, has shape ", y.dims);
    const uint64_t one = bits_of_one(y.dtype);
    using Limits = std::numeric_limits<int32_t>;
    Call call = fill_call("eye", size_variant(y.dtype), y.count());
    call.buffers = {e.data(&one, sizeof one), e.out_ref(0)};
    call.writes = 2;
    call.push.insert(call.push.end(),
                     {push_int(y.dims[1]), push_int(std::clamp<int64_t>(k, Limits::min(), Limits::max()))});
    e.dispatch(std::move(call));
  };
  return c;
}

// ------------------------------------------------------------------------------------------ Range

std::string range_supports(const Node& node, const Caps& caps) {
  const hrt_dtype t = type_of(node, 0);
  if (t != HRT_FLOAT32 && t != HRT_FLOAT16 && t != HRT_INT32 && t != HRT_INT64)
    return sdk::cat("dtype ", dtype_name(t));
  if (t == HRT_INT64 && !caps.i64) return "this device has no 64-bit integers";
  return storable(t, caps);
}

Compiled compile_range(const Node&, Uploads&) {
  Compiled c;
  c.emit = [](Emit& e) {
    const Operand& y = e.out()[0];
    Call call = fill_call("range", type_variant(y.dtype), y.count());
    call.buffers = {e.in_ref(0), e.in_ref(2), e.out_ref(0)};
    call.writes = 4;
    e.dispatch(std::move(call));
  };
  return c;
}

// -------------------------------------------------------------------------------- ReverseSequence

Compiled compile_reverse_sequence(const Node& node, Uploads&) {
  const int64_t time = node.i("time_axis", 0), batch = node.i("batch_axis", 1);
  require((time == 0 || time == 1) && batch == 1 - time, "time_axis and batch_axis must be 0 and 1");
  Compiled c;
  c.emit = [time](Emit& e) {
    const Operand& x = e.in()[0];
    require(x.rank() >= 2, "the input must have rank 2 at least");
    const int64_t steps = x.dims[size_t(time)], batches = x.dims[size_t(1 - time)];
    require(e.in()[1].dims == Dims{batches}, "sequence_lens must have ", batches, " elements");
    Call call = fill_call("reverse_sequence", size_variant(x.dtype), x.count());
    call.constants = {time == 0};
    call.buffers = {e.in_ref(0), e.in_ref(1), e.out_ref(0),
                    e.fault(sdk::cat("a sequence has not 0 to ", steps, " steps"), "sequence_lens")};
    call.writes = 4;
    call.push.insert(call.push.end(),
                     {push_int(steps), push_int(batches),
                      push_int(sdk::element_count(std::span<const int64_t>(x.dims).subspan(2)))});
    e.dispatch(std::move(call));
  };
  return c;
}

// ------------------------------------------------------------------------------------ Shape, Size

std::string always(const Node&, const Caps&) { return ""; }

// What is known before the run, written where whoever needs it on the device reads it.
void give(Emit& e, const Dims& values) {
  require(int64_t(values.size()) == e.out()[0].count(), values.size(), " numbers for ", e.out()[0].dims);
  const Ref from = e.data(values.data(), values.size() * sizeof(int64_t));
  copy_box(e, from, e.out_ref(0), HRT_INT64, {{int64_t(values.size())}, {1}, {1}});
}

Compiled compile_shape(const Node& node, Uploads&) {
  Compiled c;
  constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();
  c.emit = [start = node.i("start", 0), end = node.i("end", kEnd)](Emit& e) {
    const Dims& dims = e.in()[0].dims;
    const auto rank = int64_t(dims.size());
    const auto place = [&](int64_t axis) {
      return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
    };
    give(e, {dims.begin() + place(start), dims.begin() + std::max(place(start), place(end))});
  };
  return c;
}

Compiled compile_size(const Node&, Uploads&) {
  Compiled c;
  c.emit = [](Emit& e) { give(e, {e.in()[0].count()}); };
  return c;
}

constexpr Op kOps[] = {
    {"", "Shape", always, compile_shape},
    {"", "Size", always, compile_size},
    {"", "OneHot", one_hot_supports, compile_one_hot},
    {"", "Trilu", movable, compile_trilu},
    {"", "EyeLike", eye_supports, compile_eye},
    {"", "Range", range_supports, compile_range},
    {"", "ReverseSequence", movable, compile_reverse_sequence},
};

}  // namespace

std::span<const Op> select_ops() { return kOps; }

}  // namespace hrt::gpu
