// SPDX-License-Identifier: Apache-2.0
// ScatterElements, ScatterND, TensorScatter: a copy of input 0, or input 0 in place, with elements updated.
// Updates of one element are made in their order by one thread: what threads share out is the elements of
// the result that no index decides (ScatterElements: lines along the axis; ScatterND: columns of slices).
#include <algorithm>
#include <atomic>
#include <cstring>

#include "backends/cpu/kernels/copy.h"
#include "backends/cpu/kernels/indices.h"
#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/movement.h"

namespace hrt::cpu {
namespace {

// ------------------------------------------------------------------------------------ reductions

enum class Reduction { kNone, kAdd, kMul, kMax, kMin };

// How an update b meets an element a. Integers wrap around; half precision computes in float.
template <Reduction kHow, class T>
HWY_INLINE T meet(T stored, T update) {
  if constexpr (kHow == Reduction::kNone) {
    return update;
  } else if constexpr (!std::is_arithmetic_v<T>) {
    return T(meet<kHow, float>(stored, update));
  } else if constexpr (kHow == Reduction::kMax) {
    return stored < update || update != update ? update : stored;
  } else if constexpr (kHow == Reduction::kMin) {
    return update < stored || update != update ? update : stored;
  } else {
    using W = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
    return kHow == Reduction::kAdd ? T(W(stored) + W(update)) : T(W(stored) * W(update));
  }
}

// Calls f.template operator()<T, how>().
template <class T, class F>
void with_reduction(Reduction how, F&& f) {
  switch (how) {
    case Reduction::kAdd: return f.template operator()<T, Reduction::kAdd>();
    case Reduction::kMul: return f.template operator()<T, Reduction::kMul>();
    case Reduction::kMax: return f.template operator()<T, Reduction::kMax>();
    case Reduction::kMin: return f.template operator()<T, Reduction::kMin>();
    case Reduction::kNone: break;
  }
}
template <class F>
void with_reduction(hrt_dtype dtype, Reduction how, F&& f) {
  if (how == Reduction::kNone)
    return with_width(dtype_bytes(dtype), [&]<class T>() { f.template operator()<T, Reduction::kNone>(); });
  switch (dtype) {
    case HRT_FLOAT32: return with_reduction<float>(how, f);
    case HRT_FLOAT64: return with_reduction<double>(how, f);
    case HRT_FLOAT16: return with_reduction<float16>(how, f);
    case HRT_BFLOAT16: return with_reduction<bfloat16>(how, f);
    case HRT_INT8: return with_reduction<int8_t>(how, f);
    case HRT_UINT8: return with_reduction<uint8_t>(how, f);
    case HRT_INT16: return with_reduction<int16_t>(how, f);
    case HRT_UINT16: return with_reduction<uint16_t>(how, f);
    case HRT_INT32: return with_reduction<int32_t>(how, f);
    case HRT_UINT32: return with_reduction<uint32_t>(how, f);
    case HRT_INT64: return with_reduction<int64_t>(how, f);
    case HRT_UINT64: return with_reduction<uint64_t>(how, f);
    default: unsupported("reduction of dtype ", dtype_name(dtype));
  }
}

Reduction reduction_of(const Node& node) {
  const std::string name = node.s("reduction", "none");
  constexpr const char* kNames[] = {"none", "add", "mul", "max", "min"};
  for (int i = 0; i < 5; ++i)
    if (name == kNames[i]) return Reduction(i);
  fail("there is no reduction ", name);
}

std::string supports(const Node& node) {
  if (std::string reason = index_refusal(node, 1); !reason.empty()) return reason;
  const hrt_dtype t = Graph(node.graph()).value(node.input(0)).dtype();
  const bool number = t == HRT_FLOAT32 || t == HRT_FLOAT64 || t == HRT_FLOAT16 || t == HRT_BFLOAT16 ||
                      (t >= HRT_UINT8 && t <= HRT_INT64) || t == HRT_UINT32 || t == HRT_UINT64;
  if (node.s("reduction", "none") != "none" && !number) return sdk::cat("reduction of dtype ", dtype_name(t));
  return fixed_size_only(node);
}

// Input 0 becomes output 0, unless it lies there already.
void copy_input(const Buffers& b, int64_t bytes) {
  if (b.in[0] == b.out[0]) return;
  for_elements(bytes, 0.05, [&](int64_t begin, int64_t end) {
    std::memcpy(b.output<std::byte>(0) + begin, b.input<std::byte>(0) + begin, size_t(end - begin));
  });
}
int64_t bytes_of(const Operand& o) { return o.count() * int64_t(dtype_bytes(o.dtype)); }

// ------------------------------------------------------------------------------ ScatterElements

// Update (i, j) of row r of the lines, i along the axis, goes to offset(r) + j + index * stride of the result
// and lies at offset(r) + i * step + j itself.
struct Elements {
  Walk to, from;         // the axes around the axis and the row
  int64_t row;           // elements of a row; 1 when the axis is the last
  int64_t n, step;       // indices along the axis, and how far apart
  int64_t axis, stride;  // of the result
};

template <class T, class I, Reduction kHow>
void scatter_elements(const Elements& e, const Buffers& b) {
  constexpr int64_t kChunk = 256;  // of a row: targets stay in the cache
  const int64_t chunks = ceil_div(e.row, kChunk);
  const I* index = b.input<I>(1);
  std::atomic<bool> bad = false;
  parallel(e.to.count * chunks, 10 + 2.0 * double(e.n * std::min(e.row, kChunk)),
           [&](int64_t begin, int64_t end) {
             for (int64_t r = begin; r < end; ++r) {
               const int64_t first = r % chunks * kChunk, from = e.from.offset(r / chunks) + first;
               const int64_t width = std::min(kChunk, e.row - first);
               T* const y = b.output<T>(0) + e.to.offset(r / chunks) + first;
               const T* const update = b.input<T>(2) + from;
               const auto put = [&](const I* k, int64_t i, int64_t j) {
                 T& element = y[j + from_front(*k, e.axis) * e.stride];
                 element = meet<kHow, T>(element, update[i * e.step + j]);
               };
               if (e.row == 1) {
                 const I* k = index + from;
                 if (!in_range(k, e.n, e.axis)) return bad.store(true, std::memory_order_relaxed);
                 for (int64_t i = 0; i < e.n; ++i) put(k + i * e.step, i, 0);
               } else {
                 for (int64_t i = 0; i < e.n; ++i) {
                   const I* k = index + from + i * e.step;
                   if (!in_range(k, width, e.axis)) return bad.store(true, std::memory_order_relaxed);
                   for (int64_t j = 0; j < width; ++j) put(k + j, i, j);
                 }
               }
             }
           });
  if (bad) check_indices(index, e.to.count * e.row * e.n, e.axis, "ScatterElements");
}

Elements make_elements(const Signature& sig, int64_t axis) {
  const Dims &x = sig.in[0].dims, &index = sig.in[1].dims, to = strides_of(x), from = strides_of(index);
  require(x.size() == index.size() && index == sig.in[2].dims, "data has shape ", x, ", indices ", index,
          ", updates ", sig.in[2].dims);
  const size_t at = size_t(checked_axis(axis, int64_t(x.size()))), last = x.size() - 1;
  Elements e{{}, {}, at == last ? 1 : index[last], index[at], from[at], x[at], to[at]};
  for (size_t d = 0; d < x.size(); ++d) {
    require(d == at || index[d] <= x[d], "indices of shape ", index, " go beyond data of shape ", x);
    if (d == at || d == last) continue;
    e.to.add(index[d], to[d]);
    e.from.add(index[d], from[d]);
  }
  return e;
}

Compiled scatter_elements_compile(const Node& node) {
  Compiled c;
  c.inplace = 1;
  c.inplace_alone = true;
  c.prepare = [axis = node.i("axis"), how = reduction_of(node)](const Signature& sig) -> Step {
    return {[e = make_elements(sig, axis), how, dtype = sig.in[0].dtype, index = sig.in[1].dtype,
             bytes = bytes_of(sig.in[0])](const Buffers& b) {
      copy_input(b, bytes);
      with_reduction(dtype, how, [&]<class T, Reduction kHow>() {
        if (index == HRT_INT64)
          scatter_elements<T, int64_t, kHow>(e, b);
        else
          scatter_elements<T, int32_t, kHow>(e, b);
      });
    }};
  };
  return c;
}

// ------------------------------------------------------------------------------------- ScatterND

struct Slices {
  int64_t tuples, depth;
  int64_t dims[HRT_MAX_RANK];
  int64_t slice;  // elements
};

template <class T, Reduction kHow>
void scatter_nd(const Slices& s, const Buffers& b) {
  constexpr int64_t kColumns = 256;
  parallel(ceil_div(s.slice, kColumns), double(s.tuples) * (2 + 0.1 * double(std::min(s.slice, kColumns))),
           [&](int64_t begin, int64_t end) {
             const int64_t first = begin * kColumns, count = std::min(end * kColumns, s.slice) - first;
             for (int64_t t = 0; t < s.tuples; ++t) {
               const int64_t at = tuple_place(b.input<int64_t>(1) + t * s.depth, s.dims, s.depth);
               T* y = b.output<T>(0) + at * s.slice + first;
               const T* update = b.input<T>(2) + t * s.slice + first;
               for (int64_t i = 0; i < count; ++i) y[i] = meet<kHow, T>(y[i], update[i]);
             }
           });
}

void check_tuples(const Slices& s, const int64_t* index) {
  std::atomic<int64_t> bad = -1;
  parallel(s.tuples, 1 + double(s.depth), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      if (tuple_place(index + t * s.depth, s.dims, s.depth) < 0)
        return bad.store(t, std::memory_order_relaxed);
  });
  if (bad >= 0) refuse_tuple(index + bad * s.depth, s.dims, s.depth, "ScatterND");
}

Compiled scatter_nd_compile(const Node& node) {
  Compiled c;
  c.inplace = 1;
  c.inplace_alone = true;
  c.prepare = [how = reduction_of(node)](const Signature& sig) -> Step {
    const std::span<const int64_t> x = sig.in[0].dims, index = sig.in[1].dims;
    require(!x.empty() && !index.empty() && index.back() <= int64_t(x.size()), "indices of shape ", index,
            " for data of shape ", x);
    const size_t depth = size_t(index.back());
    Dims expected(index.begin(), index.end() - 1);
    expected.insert(expected.end(), x.begin() + int64_t(depth), x.end());
    require(expected == sig.in[2].dims, "updates must have shape ", expected, ", not ", sig.in[2].dims);
    Slices s{};
    s.tuples = sdk::element_count(index.first(index.size() - 1));
    s.depth = int64_t(depth);
    std::ranges::copy(x.first(depth), s.dims);
    s.slice = sdk::element_count(x.subspan(depth));
    return {[s, how, dtype = sig.in[0].dtype, bytes = bytes_of(sig.in[0])](const Buffers& b) {
      check_tuples(s, b.input<int64_t>(1));
      copy_input(b, bytes);
      with_reduction(dtype, how, [&]<class T, Reduction kHow>() { scatter_nd<T, kHow>(s, b); });
    }};
  };
  return c;
}

// --------------------------------------------------------------------------------- TensorScatter

struct Cache {
  int64_t batches, middle, length, steps;
  size_t bytes;  // of a step
  bool circular;
};

void tensor_scatter(const Cache& c, const Buffers& b) {
  const auto* begin_at = b.input<int64_t>(2);
  for (int64_t i = 0; begin_at && i < c.batches; ++i)
    require(begin_at[i] >= 0 && (c.circular || begin_at[i] <= c.length - c.steps), "write index ",
            begin_at[i], " with ", c.steps, " steps for a cache of ", c.length);
  parallel(c.batches * c.middle, 10 + 0.05 * double(c.steps) * double(c.bytes),
           [&](int64_t begin, int64_t end) {
             for (int64_t r = begin; r < end; ++r) {
               const int64_t first = begin_at ? begin_at[r / c.middle] % c.length : 0;
               const int64_t before = std::min(c.steps, c.length - first);  // the cache's end
               const auto* update = b.input<std::byte>(1) + size_t(r * c.steps) * c.bytes;
               auto* y = b.output<std::byte>(0) + size_t(r * c.length) * c.bytes;
               std::memcpy(y + size_t(first) * c.bytes, update, size_t(before) * c.bytes);
               std::memcpy(y, update + size_t(before) * c.bytes, size_t(c.steps - before) * c.bytes);
             }
           });
}

Compiled tensor_scatter_compile(const Node& node) {
  const std::string mode = node.s("mode", "linear");
  require(mode == "linear" || mode == "circular", "there is no mode ", mode);
  Compiled c;
  c.inplace = 1;
  c.inplace_alone = true;
  c.prepare = [axis = node.i("axis", -2), circular = mode == "circular"](const Signature& sig) -> Step {
    const Dims &past = sig.in[0].dims, &update = sig.in[1].dims;
    const size_t at = size_t(checked_axis(axis, int64_t(past.size())));
    require(at > 0, "the axis must not be the batch");
    Dims expected = past;
    if (update.size() == past.size()) expected[at] = update[at];
    require(update == expected && update[at] <= past[at], "an update of shape ", update,
            " for a cache of shape ", past);
    require(!sig.has_in(2) || sig.in[2].count() == past[0], "write_indices must have ", past[0], " elements");
    const std::span<const int64_t> dims = past;
    const Cache cache{past[0],
                      sdk::element_count(dims.subspan(1, at - 1)),
                      past[at],
                      update[at],
                      size_t(sdk::element_count(dims.subspan(at + 1))) * dtype_bytes(sig.in[0].dtype),
                      circular};
    return {[cache, bytes = bytes_of(sig.in[0]), given = sig.has_in(2)](const Buffers& b) {
      copy_input(b, bytes);
      const void* in[] = {b.in[0], b.in[1], given ? b.in[2] : nullptr};
      tensor_scatter(cache, {in, b.out, b.workspace});
    }};
  };
  return c;
}

}  // namespace

std::span<const Op> scatter_ops() {
  static const Op ops[] = {{"", "ScatterElements", supports, scatter_elements_compile},
                           {"", "ScatterND", supports, scatter_nd_compile},
                           {"", "TensorScatter", fixed_size_only, tensor_scatter_compile}};
  return ops;
}

}  // namespace hrt::cpu
