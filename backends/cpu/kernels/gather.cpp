// SPDX-License-Identifier: Apache-2.0
// Gather, GatherND: whole slices are copied for each index or tuple of them. GatherElements: single elements,
// row by row of the indices. All indices are checked before they are used.
#include <atomic>
#include <cstring>

#include "backends/cpu/kernels/copy.h"
#include "backends/cpu/kernels/indices.h"
#include "backends/cpu/kernels/movement.h"

namespace hrt::cpu {
namespace {

std::string supports(const Node& node) {
  const std::string reason = index_refusal(node, 1);
  return reason.empty() ? fixed_size_only(node) : reason;
}

// --------------------------------------------------------------------------------------- Gather

struct Shape {
  int64_t outer, axis, indices;
  size_t bytes;  // of a slice
};

template <class I>
void gather(const Shape& s, const Buffers& b) {
  const I* index = b.input<I>(1);
  check_indices(index, s.indices, s.axis, "Gather");
  const auto* x = b.input<std::byte>(0);
  auto* y = b.output<std::byte>(0);
  parallel(s.outer * s.indices, 3 + 0.05 * double(s.bytes), [&](int64_t begin, int64_t end) {
    with_slice_bytes(s.bytes, [&](auto bytes) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t at = r / s.indices * s.axis + from_front(index[r % s.indices], s.axis);
        std::memcpy(y + size_t(r) * bytes, x + size_t(at) * bytes, bytes);
      }
    });
  });
}

Compiled gather_compile(const Node& node) {
  Compiled c;
  c.prepare = [axis = node.i("axis")](const Signature& sig) -> Step {
    const std::span<const int64_t> dims = sig.in[0].dims;
    const size_t at = size_t(checked_axis(axis, int64_t(dims.size())));
    const Shape s{sdk::element_count(dims.first(at)), dims[at], sig.in[1].count(),
                  size_t(sdk::element_count(dims.subspan(at + 1))) * dtype_bytes(sig.in[0].dtype)};
    return {[s, wide = sig.in[1].dtype == HRT_INT64](const Buffers& b) {
      return wide ? gather<int64_t>(s, b) : gather<int32_t>(s, b);
    }};
  };
  return c;
}

// ------------------------------------------------------------------------------- GatherElements

// Rows of the indices, along their last axis: element j of one takes x[offset + j * step + index * stride].
struct Elements {
  Walk rows;
  int64_t length, step;
  int64_t axis, stride;  // of x
};

template <class T, class I>
void gather_elements(const Elements& e, const Buffers& b) {
  const I* index = b.input<I>(1);
  std::atomic<bool> bad = false;
  parallel(e.rows.count, 10 + 1.5 * double(e.length), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const I* k = index + r * e.length;
      if (!in_range(k, e.length, e.axis)) return bad.store(true, std::memory_order_relaxed);
      const T* x = b.input<T>(0) + e.rows.offset(r);
      T* y = b.output<T>(0) + r * e.length;
      for (int64_t j = 0; j < e.length; ++j) y[j] = x[j * e.step + from_front(k[j], e.axis) * e.stride];
    }
  });
  if (bad) check_indices(index, e.rows.count * e.length, e.axis, "GatherElements");
}

Compiled gather_elements_compile(const Node& node) {
  Compiled c;
  c.prepare = [axis = node.i("axis")](const Signature& sig) -> Step {
    const Dims &x = sig.in[0].dims, &index = sig.in[1].dims, strides = strides_of(x);
    require(x.size() == index.size() && sig.out[0].dims == index, "data has shape ", x, ", indices ", index);
    const size_t at = size_t(checked_axis(axis, int64_t(x.size()))), last = x.size() - 1;
    Elements e{{}, index[last], at == last ? 0 : 1, x[at], strides[at]};
    for (size_t d = 0; d < x.size(); ++d) {
      require(d == at || index[d] <= x[d], "indices of shape ", index, " go beyond data of shape ", x);
      if (d < last) e.rows.add(index[d], d == at ? 0 : strides[d]);
    }
    return {[e, width = dtype_bytes(sig.in[0].dtype), type = sig.in[1].dtype](const Buffers& b) {
      with_width(width, type, [&]<class T, class I>() { gather_elements<T, I>(e, b); });
    }};
  };
  return c;
}

// ------------------------------------------------------------------------------------- GatherND

struct Tuples {
  int64_t batches, tuples;  // of a batch
  int64_t batch;            // slices of x in one
  int64_t depth;
  int64_t dims[HRT_MAX_RANK];
  size_t bytes;  // of a slice
};

void gather_nd(const Tuples& t, const Buffers& b) {
  const auto* index = b.input<int64_t>(1);
  const auto* x = b.input<std::byte>(0);
  auto* y = b.output<std::byte>(0);
  std::atomic<int64_t> bad = -1;
  parallel(t.batches * t.tuples, 3 + double(t.depth) + 0.05 * double(t.bytes),
           [&](int64_t begin, int64_t end) {
             with_slice_bytes(t.bytes, [&](auto bytes) {
               for (int64_t r = begin; r < end; ++r) {
                 const int64_t at = tuple_place(index + r * t.depth, t.dims, t.depth);
                 if (at < 0) return bad.store(r, std::memory_order_relaxed);
                 std::memcpy(y + size_t(r) * bytes, x + size_t(r / t.tuples * t.batch + at) * bytes, bytes);
               }
             });
           });
  if (bad >= 0) refuse_tuple(index + bad * t.depth, t.dims, t.depth, "GatherND");
}

Compiled gather_nd_compile(const Node& node) {
  Compiled c;
  c.prepare = [batch = node.i("batch_dims")](const Signature& sig) -> Step {
    const std::span<const int64_t> x = sig.in[0].dims, index = sig.in[1].dims;
    const int64_t rank = int64_t(std::min(x.size(), index.size()));
    require(batch >= 0 && batch < rank, "batch_dims is ", batch, " for shapes ", x, " and ", index);
    const size_t lead = size_t(batch), depth = size_t(index.back());
    require(depth <= x.size() - lead, "indices of ", index.back(), " numbers for data of shape ", x);
    require(std::ranges::equal(x.first(lead), index.first(lead)), "the first ", batch, " dimensions of ", x,
            " and ", index, " differ");
    Tuples t{};
    t.batches = sdk::element_count(x.first(lead));
    t.tuples = sdk::element_count(index.subspan(lead, index.size() - 1 - lead));
    t.batch = sdk::element_count(x.subspan(lead, depth));
    t.depth = int64_t(depth);
    std::ranges::copy(x.subspan(lead, depth), t.dims);
    t.bytes = size_t(sdk::element_count(x.subspan(lead + depth))) * dtype_bytes(sig.in[0].dtype);
    require(int64_t(t.bytes) * t.batches * t.tuples ==
                sig.out[0].count() * int64_t(dtype_bytes(sig.out[0].dtype)),
            "an output of shape ", sig.out[0].dims);
    return {[t](const Buffers& b) { gather_nd(t, b); }};
  };
  return c;
}

}  // namespace

std::span<const Op> gather_ops() {
  static const Op ops[] = {{"", "Gather", supports, gather_compile},
                           {"", "GatherElements", supports, gather_elements_compile},
                           {"", "GatherND", supports, gather_nd_compile}};
  return ops;
}

}  // namespace hrt::cpu
