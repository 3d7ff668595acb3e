// SPDX-License-Identifier: Apache-2.0
// Gather, GatherElements, GatherND: slices and elements of a tensor by index.
#include <algorithm>

#include "backends/gpu_common/ops/index.h"
#include "backends/gpu_common/ops/pieces.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/strided.h"
#include "backends/gpu_common/ops/walk.h"

namespace hrt::gpu {
namespace {

// y[o, k, i] = x[o, index[k], i] for count indices of `words` words each; x: outer, size, inner.
struct Slices {
  std::span<const size_t> weights;  // x, uploaded in parts; none: it is input 0
  int64_t outer, size, inner;
  Ref indices;
  int64_t count;
  int32_t words;
  IndexCheck check;
};

// Elements of x that kernels reach at once.
struct Held {
  Ref ref;
  int64_t first, count;
};

// How much of a tensor one part holds: within what kernels reach, and what a buffer does.
uint64_t part_bytes(const Caps& caps) {
  const uint64_t unit = uint64_t(part_unit(caps)) * sizeof(int64_t);
  return std::min(caps.max_span_bytes, caps.max_buffer_bytes) / unit * unit;
}

std::vector<Held> parts_of_x(Emit& e, const Slices& s) {
  const Operand& x = e.in()[0];
  const int64_t each = int64_t(part_bytes(e.caps()) / dtype_bytes(x.dtype));
  std::vector<Held> parts;
  if (s.weights.empty() && !too_long(e, e.in_ref(0))) return {{e.in_ref(0), 0, x.count()}};
  for (int64_t first = 0; first < x.count(); first += each) {
    const int64_t count = std::min(each, x.count() - first);
    const Ref ref = s.weights.empty() ? window(e, e.in_ref(0), dtype_bytes(x.dtype), first, count).ref
                                      : e.weight(s.weights[size_t(first / each)]);
    parts.push_back({ref, first, count});
  }
  return parts;
}

// Rows of y, all or as many as kernels reach, from each part of x: what a part has not is left to the others.
void dispatch_gather(Emit& e, const Slices& s) {
  push_int(e.in()[0].count());  // the kernel indexes with 32 bits
  push_int(e.out()[0].count());
  const hrt_dtype dtype = e.in()[0].dtype;
  const std::array y{Walked{e.out_ref(0), dtype_bytes(dtype), {s.inner, 1}}};
  const std::vector<Held> parts = parts_of_x(e, s);
  for (const Piece& p : pieces_of(e, {s.outer * s.count, s.inner}, y, true)) {
    if (p.dims[1] != s.inner)
      unsupported("slices of ", s.inner, " elements: kernels of ", e.caps().name, " reach ",
                  e.caps().max_span_bytes, " bytes at once");
    const Grid g = grid(e.caps(), s.inner, p.dims[0]);
    for (const Held& x : parts) {
      Call call;
      call.kernel = "gather";
      call.variant = size_variant(dtype);
      call.constants = {s.words, s.check.on_device, parts.size() > 1};
      call.buffers = {x.ref, s.indices, p.windows[0].ref,
                      s.check.on_device ? s.check.fault : p.windows[0].ref};
      call.writes = 4;
      call.push = {push_int(s.inner), push_int(p.dims[0]),
                   push_int(s.count), push_int(s.size),
                   push_int(x.first), push_int(x.count),
                   push_int(p.at[0]), push_int(p.at[0] * s.inner - p.windows[0].first)};
      call.group = g.group;
      call.threads = g.threads;
      e.dispatch(std::move(call));
    }
  }
}

// A constant table that kernels cannot reach, in parts.
std::vector<size_t> upload_parts(const Node& node, Uploads& uploads) {
  const auto table = Graph(node.graph()).value(node.input(0)).constant();
  const uint64_t each = part_bytes(uploads.caps());
  if (!table || table->bytes() <= uploads.caps().max_span_bytes) return {};
  std::vector<size_t> weights;
  for (uint64_t at = 0; at < table->bytes(); at += each)
    weights.push_back(uploads.weight(static_cast<const std::byte*>(table->raw()) + at,
                                     std::min<uint64_t>(each, table->bytes() - at)));
  return weights;
}

Compiled compile_gather(const Node& node, Uploads& uploads) {
  Compiled c;
  const std::vector<size_t> weights = upload_parts(node, uploads);
  if (!weights.empty()) c.packed = 1;
  c.emit = [axis = node.i("axis"), weights](Emit& e) {
    const Operand& k = e.in()[1];
    const Lines l = lines_of(e.in()[0].dims, axis);
    dispatch_gather(e, {weights, l.outer, l.n, l.inner, e.in_ref(1), k.count(), index_words(k.dtype),
                        check_indices(e, 1, l.n, axis)});
  };
  return c;
}

Compiled compile_gather_nd(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [batch = node.i("batch_dims")](Emit& e) {
    const std::span<const int64_t> x = e.in()[0].dims, k = e.in()[1].dims;
    require(batch >= 0 && !k.empty() && batch < int64_t(std::min(x.size(), k.size())), "batch_dims is ",
            batch, " for data of shape ", x, " and indices of ", k);
    const auto at = size_t(batch);
    require(std::ranges::equal(x.first(at), k.first(at)), "the first ", batch, " dimensions of ", x, " and ",
            k, " differ");
    require(k.back() >= 0 && k.back() <= int64_t(x.size() - at), "indices of ", k.back(),
            " numbers for data of shape ", x);
    const int64_t tuples = sdk::element_count(k.first(k.size() - 1)),
                  batches = sdk::element_count(x.first(at));
    const int64_t inner = sdk::element_count(x.subspan(at + size_t(k.back())));
    const Ref numbers = slice_numbers(e, 1, x.subspan(at), tuples / batches);
    dispatch_gather(e, {{},
                        1,
                        batches * sdk::element_count(x.subspan(at, size_t(k.back()))),
                        inner,
                        numbers,
                        tuples,
                        1,
                        {false, e.out_ref(0)}});
  };
  return c;
}

Compiled compile_gather_elements(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [axis = node.i("axis")](Emit& e) {
    const Operand& x = e.in()[0];
    const Operand& k = e.in()[1];
    const size_t at = axis_of(axis, x.rank());
    require(x.rank() == k.rank(), "data has shape ", x.dims, ", indices ", k.dims);
    for (size_t d = 0; d < x.dims.size(); ++d)
      require(d == at || k.dims[d] <= x.dims[d], "indices of shape ", k.dims, " go beyond data of shape ",
              x.dims);
    Box box{k.dims, strides_of(x.dims), strides_of(k.dims)};
    const int64_t step = std::exchange(box.xs[at], 0);
    box = merged(box);
    constexpr size_t kRank = 8;
    if (box.dims.size() > kRank)
      unsupported("indices of shape ", k.dims, ": the kernel has ", kRank, " dims");
    push_int(x.count());
    constexpr int64_t kPerThread = 4;
    const IndexCheck check = check_indices(e, 1, x.dims[at], axis);
    Call call = element_call("gather_elements", size_variant(x.dtype), ceil_div(k.count(), kPerThread));
    call.constants = {index_words(k.dtype), check.on_device, int32_t(box.dims.size())};
    call.buffers = {e.in_ref(0), e.in_ref(1), e.out_ref(0), check.fault};
    call.writes = 4;
    call.push = {push_int(k.count()), push_int(x.dims[at]), push_int(step)};
    for (const Dims* list : {&box.dims, &box.xs})
      for (size_t d = 0; d < kRank; ++d) call.push.push_back(d < list->size() ? push_int((*list)[d]) : 0);
    e.dispatch(std::move(call));
  };
  return c;
}

// The table and the results, if kernels reach a whole slice.
Split gather_splits(const Node& node, const Caps& caps, std::optional<size_t> input) {
  const Value x = Graph(node.graph()).value(node.input(0));
  if (input) return *input != 0 ? Split::kNot : (x.is_constant() ? Split::kUploaded : Split::kBound);
  if (!x.ranked() || !sdk::all_numbers(x.dims())) return Split::kBound;
  const Lines l = lines_of(Dims(x.dims().begin(), x.dims().end()), node.i("axis"));
  const uint64_t most = caps.max_span_bytes - uint64_t(part_unit(caps));
  return uint64_t(l.inner) <= most / dtype_bytes(x.dtype()) ? Split::kBound : Split::kNot;
}

constexpr Op kOps[] = {
    {"", "Gather", movable, compile_gather, nullptr, gather_splits},
    {"", "GatherElements", movable, compile_gather_elements},
    {"", "GatherND", movable, compile_gather_nd},
};

}  // namespace

std::span<const Op> gather_ops() { return kOps; }

}  // namespace hrt::gpu
