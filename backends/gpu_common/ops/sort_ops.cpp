// SPDX-License-Identifier: Apache-2.0
// TopK: short runs are sorted by counting, then merged two by two, and never kept longer than K.
#include <algorithm>

#include "backends/gpu_common/ops/rows.h"

namespace hrt::gpu {
namespace {

constexpr int64_t kRun = 64;  // elements of the runs that counting sorts

std::string supports(const Node& node, const Caps& caps) {
  const hrt_dtype t = Value(node.graph(), node.input(0)).dtype();
  if (!type_variant(t) || t == HRT_FLOAT64 || t == HRT_BOOL) return sdk::cat("dtype ", dtype_name(t));
  if (dtype_bits(t) == 64 && !caps.i64) return "this device has no 64-bit integers";
  return storable(t, caps);
}

// Sorted runs of every line: `slots` elements of it, in runs of `run`, the last perhaps shorter.
struct Runs {
  Ref order;
  int64_t slots, run;
};

// How many elements are left of n in runs of `run` when each keeps at most `keep`.
int64_t kept(int64_t n, int64_t run, int64_t keep) {
  return n / run * std::min(run, keep) + std::min(n % run, keep);
}

Ref scratch_of(Emit& e, int64_t lines, int64_t slots) {
  const int64_t n = sdk::element_count(Dims{lines, slots});
  push_int(n);
  return e.scratch(uint64_t(n) * sizeof(int32_t));
}

Runs sort_runs(Emit& e, const Lines& l, int64_t k, bool largest) {
  const Operand& x = e.in()[0];
  Runs r{0, kept(l.n, kRun, k), std::min(kRun, k)};
  r.order = scratch_of(e, l.count(), r.slots);
  Call call = element_call("top_k_sort", type_variant(x.dtype), x.count());
  call.constants = {largest, int32_t(kRun)};
  call.buffers = {e.in_ref(0), r.order};
  call.writes = 2;
  for (const int64_t v : {l.count(), l.n, l.inner, r.run, r.slots}) call.push.push_back(push_int(v));
  e.dispatch(std::move(call));
  return r;
}

Runs merge_runs(Emit& e, const Lines& l, const Runs& from, int64_t k, bool largest) {
  Runs r{0, kept(from.slots, 2 * from.run, k), std::min(2 * from.run, k)};
  r.order = scratch_of(e, l.count(), r.slots);
  Call call = element_call("top_k_merge", type_variant(e.in()[0].dtype), l.count() * from.slots);
  call.constants = {largest};
  call.buffers = {e.in_ref(0), from.order, r.order};
  call.writes = 4;
  for (const int64_t v : {l.count(), l.n, l.inner, from.slots, from.run, r.run, r.slots})
    call.push.push_back(push_int(v));
  e.dispatch(std::move(call));
  return r;
}

void take(Emit& e, const Lines& l, const Runs& from, int64_t k) {
  const bool values = e.out()[0].present(), places = e.out().size() > 1 && e.out()[1].present();
  const int64_t total = l.count() * k;
  constexpr int64_t kPerThread = 4;
  Call call = element_call("top_k_take", size_variant(e.in()[0].dtype), ceil_div(total, kPerThread));
  call.constants = {values, places};
  call.buffers = {e.in_ref(0), from.order, values ? e.out_ref(0) : e.out_ref(1),
                  places ? e.out_ref(1) : e.out_ref(0)};
  call.writes = (values ? 4U : 0U) | (places ? 8U : 0U);
  for (const int64_t v : {total, l.n, l.inner, k, from.slots}) call.push.push_back(push_int(v));
  e.dispatch(std::move(call));
}

Compiled compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [axis = node.i("axis", -1), largest = node.i("largest", 1) != 0](Emit& e) {
    const Lines l = lines_of(e.in()[0].dims, axis);
    const Dims given = e.in()[1].known_ints();
    require(given.size() == 1, "K has shape ", e.in()[1].dims, ", not scalar");
    const int64_t k = given[0];
    require(k >= 0 && k <= l.n, "K is ", k, " of ", l.n, " elements");
    if (k == 0) return;
    Runs runs = sort_runs(e, l, k, largest);
    while (runs.slots > runs.run) runs = merge_runs(e, l, runs, k, largest);
    take(e, l, runs, k);
  };
  return c;
}

constexpr Op kOps[] = {{"", "TopK", supports, compile}};

}  // namespace

std::span<const Op> sort_ops() { return kOps; }

}  // namespace hrt::gpu
