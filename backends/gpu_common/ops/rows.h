// SPDX-License-Identifier: Apache-2.0
// The C++ side of kernels/rows.h, and what operators along an axis have in common.
#pragma once

#include <algorithm>
#include <bit>

#include "backends/gpu_common/op.h"
#include "backends/gpu_common/ops/turns.h"

namespace hrt::gpu {

// Invocations that fold one row of n elements. Neighbouring invocations should touch neighbouring memory: the
// lanes of a row do when its elements are contiguous, one lane a row when rows lie side by side. Invocations
// that are SIMD lanes of a CPU work alone, from the cache, unless the row is long.
inline int32_t row_lanes(const Caps& caps, int64_t rows, int64_t n, bool contiguous) {
  constexpr int64_t kShort = 32, kLong = 4096, kMostLanes = 256, kFewRows = 4096;
  const bool alone = n >= kLong ? !contiguous && rows >= kFewRows
                                : caps.is_cpu || n <= kShort || (!contiguous && rows >= kFewRows);
  if (alone) return 1;
  const int64_t most = std::min<int64_t>(kMostLanes, caps.is_cpu ? 64 : std::bit_floor(caps.max_group_size));
  return int32_t(std::min<int64_t>(most, int64_t(std::bit_ceil(uint64_t(n)))));
}

// A call of a kernel of rows.h: lanes is its first constant.
inline Call row_call(const Caps& caps, const char* kernel, const std::string& variant, int32_t lanes,
                     int64_t rows) {
  Call call;
  call.kernel = kernel;
  call.variant = variant;
  call.constants = {lanes};
  call.group = {lanes > 1 ? uint32_t(lanes) : caps.is_cpu ? 16U : 64U, 1, 1};
  call.threads = {push_int(rows * lanes), 1, 1};
  call.linear = true;
  return call;
}

// A kernel with one invocation for each of so many elements.
inline Call element_call(const char* kernel, const std::string& variant, int64_t count) {
  Call call;
  call.kernel = kernel;
  call.variant = variant;
  call.threads = {push_int(count), 1, 1};
  call.linear = true;
  return call;
}

// An axis, counted from the end when negative.
inline size_t checked_axis(int64_t axis, int64_t rank) {
  require(axis >= -rank && axis < rank, "axis ", axis, " of a tensor of rank ", rank);
  return size_t(axis < 0 ? axis + rank : axis);
}

// A tensor as lines along an axis: element k of line (o, i) is (o * n + k) * inner + i.
struct Lines {
  int64_t outer = 1, n = 1, inner = 1;
  int64_t count() const { return outer * inner; }
};
inline Lines lines_of(const Dims& dims, int64_t axis) {
  const size_t at = checked_axis(axis, int64_t(dims.size()));
  const std::span<const int64_t> d = dims;
  return {sdk::element_count(d.first(at)), d[at], sdk::element_count(d.subspan(at + 1))};
}

// Dispatches a kernel of rows.h from input 0 to output 0, line by line along an axis. constants: behind
// lanes.
inline void emit_along_axis(Emit& e, const char* kernel, int64_t axis,
                            std::initializer_list<int32_t> constants) {
  const Operand& x = e.in()[0];
  const Lines l = lines_of(x.dims, axis);
  const int32_t lanes = row_lanes(e.caps(), l.count(), l.n, l.inner == 1);
  Call call = row_call(e.caps(), kernel, type_variant(x.dtype), lanes, l.count());
  call.constants.insert(call.constants.end(), constants);
  call.buffers = {e.in_ref(0), e.out_ref(0)};
  call.writes = 2;
  call.push = {push_int(l.count()), push_int(l.n), push_int(l.inner)};
  e.dispatch(std::move(call));
}

// Is there a value at this output that somebody reads?
inline bool wants_output(const Node& node, size_t i) { return node.output(i) != HRT_NONE; }

}  // namespace hrt::gpu
