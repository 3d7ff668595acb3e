// SPDX-License-Identifier: Apache-2.0
// Operators that lay out elements by a simple rule: OneHot, Trilu, ReverseSequence, CenterCropPad, Range.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/cpu/kernels/copy.h"
#include "backends/cpu/kernels/elementwise.h"
#include "backends/cpu/kernels/indices.h"
#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/movement.h"

namespace hrt::cpu {
namespace {

void clear(void* y, int64_t bytes) {
  for_elements(bytes, 0.03, [&](int64_t begin, int64_t end) {
    std::memset(static_cast<std::byte*>(y) + begin, 0, size_t(end - begin));
  });
}

// --------------------------------------------------------------------------------------- OneHot

struct Hot {
  int64_t outer, depth, inner;
};

template <class T>
void one_hot(const Hot& s, const int64_t* index, const T* values, T* y) {
  const T off = values[0], on = values[1];
  parallel(s.outer, 5 + double(s.depth * s.inner) * 0.1 * sizeof(T), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      T* const to = y + o * s.depth * s.inner;
      std::fill_n(to, s.depth * s.inner, off);
      for (int64_t i = 0; i < s.inner; ++i) {
        const int64_t k = index[o * s.inner + i];  // what is outside of the depth is on nowhere
        if (k >= -s.depth && k < s.depth) to[from_front(k, s.depth) * s.inner + i] = on;
      }
    }
  });
}

std::string one_hot_supports(const Node& node) {
  const Graph graph(node.graph());
  for (const size_t i : {0, 1}) {
    const hrt_dtype t = graph.value(node.input(i)).dtype();
    if (!find_cast(t, HRT_INT64)) return sdk::cat("dtype ", dtype_name(t));
  }
  return "";
}

Compiled one_hot_compile(const Node& node) {
  Compiled c;
  c.prepare = [axis = node.i("axis", -1)](const Signature& sig) -> Step {
    const std::span<const int64_t> out = sig.out[0].dims;
    const size_t at = size_t(checked_axis(axis, int64_t(out.size())));
    const Hot s{sdk::element_count(out.first(at)), out[at], sdk::element_count(out.subspan(at + 1))};
    const int64_t count = sig.in[0].count();
    require(sig.in[2].count() == 2, "values must be two: off and on");
    require(sig.in[1].count() == 1, "depth must have one element, has shape ", sig.in[1].dims);
    require(s.outer * s.inner == count, "an output of shape ", out, " for indices of shape ", sig.in[0].dims);
    return {[s, count, load = find_cast(sig.in[0].dtype, HRT_INT64),
             load_depth = find_cast(sig.in[1].dtype, HRT_INT64),
             width = dtype_bytes(sig.in[2].dtype)](const Buffers& b) {
              int64_t depth = 0;
              load_depth(b.in[1], &depth, 0, 1);
              require(depth == s.depth, "depth is ", depth, " where ", s.depth, " was expected");
              auto* index = reinterpret_cast<int64_t*>(b.workspace);
              load(b.in[0], index, 0, count);
              with_width(width, [&]<class T>() { one_hot<T>(s, index, b.input<T>(2), b.output<T>(0)); });
            },
            size_t(count) * sizeof(int64_t)};
  };
  return c;
}

// ---------------------------------------------------------------------------------------- Trilu

Compiled trilu_compile(const Node& node) {
  Compiled c;
  c.prepare = [upper = node.i("upper", 1) != 0](const Signature& sig) -> Step {
    const Dims& dims = sig.in[0].dims;
    require(dims.size() >= 2, "the input must have rank 2 at least, has shape ", dims);
    require(!sig.has_in(1) || sig.in[1].count() == 1, "k must have one element");
    const int64_t columns = dims.back(), rows = dims[dims.size() - 2];
    return {[=, lines = sig.in[0].count() / columns, width = int64_t(dtype_bytes(sig.in[0].dtype)),
             given = sig.has_in(1)](const Buffers& b) {
      const int64_t k = given ? *b.input<int64_t>(1) : 0;
      const auto* x = b.input<std::byte>(0);
      auto* y = b.output<std::byte>(0);
      parallel(lines, 5 + 0.05 * double(columns * width), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          // Elements before `cut` are left of the diagonal (upper), or on it and left of it (lower).
          int64_t cut = 0;
          if (__builtin_add_overflow(k, r % rows + (upper ? 0 : 1), &cut)) cut = columns;
          cut = std::clamp<int64_t>(cut, 0, columns) * width;
          const int64_t from = upper ? cut : 0, to = upper ? columns * width : cut, row = columns * width;
          std::memset(y + r * row, 0, size_t(from));
          std::memcpy(y + r * row + from, x + r * row + from, size_t(to - from));
          std::memset(y + r * row + to, 0, size_t(row - to));
        }
      });
    }};
  };
  return c;
}

// ------------------------------------------------------------------------------ ReverseSequence

Compiled reverse_sequence_compile(const Node& node) {
  const int64_t time_axis = node.i("time_axis", 0), batch_axis = node.i("batch_axis", 1);
  require((time_axis == 0 || time_axis == 1) && batch_axis == 1 - time_axis,
          "time_axis and batch_axis must be 0 and 1");
  Compiled c;
  c.prepare = [time_first = time_axis == 0](const Signature& sig) -> Step {
    const std::span<const int64_t> dims = sig.in[0].dims;
    require(dims.size() >= 2, "the input must have rank 2 at least");
    const int64_t steps = dims[time_first ? 0 : 1], batches = dims[time_first ? 1 : 0];
    require(sig.in[1].count() == batches && sig.in[1].rank() == 1, "sequence_lens must have ", batches,
            " elements");
    const size_t bytes = size_t(sdk::element_count(dims.subspan(2))) * dtype_bytes(sig.in[0].dtype);
    return {[=](const Buffers& b) {
      const auto* length = b.input<int64_t>(1);
      for (int64_t i = 0; i < batches; ++i)
        require(length[i] >= 0 && length[i] <= steps, "a sequence of ", length[i], " steps in ", steps);
      const int64_t step = time_first ? batches : 1, batch = time_first ? 1 : steps;
      parallel(steps * batches, 3 + 0.05 * double(bytes), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t t = r / step % steps, i = r / batch % batches;
          const int64_t from = i * batch + (t < length[i] ? length[i] - 1 - t : t) * step;
          std::memcpy(b.output<std::byte>(0) + size_t(r) * bytes,
                      b.input<std::byte>(0) + size_t(from) * bytes, bytes);
        }
      });
    }};
  };
  return c;
}

// -------------------------------------------------------------------------------- CenterCropPad

Compiled center_crop_pad_compile(const Node&) {
  Compiled c;
  c.prepare = [](const Signature& sig) -> Step {
    const Dims &in = sig.in[0].dims, &out = sig.out[0].dims, from = strides_of(in), to = strides_of(out);
    require(in.size() == out.size(), "shapes ", in, " and ", out, " differ in rank");
    const int64_t width = int64_t(dtype_bytes(sig.in[0].dtype));
    Dims size(in.size());
    int64_t origin_in = 0, origin_out = 0;  // bytes
    bool pads = false;
    for (size_t d = 0; d < in.size(); ++d) {
      size[d] = std::min(in[d], out[d]);
      pads = pads || out[d] > in[d];
      // Halves round towards the front, where it is cropped and where it is padded.
      origin_in += (in[d] - size[d]) / 2 * from[d] * width;
      origin_out += (out[d] - size[d]) / 2 * to[d] * width;
    }
    return {[copy = make_copy(size, from, to, size_t(width)), origin_in, origin_out,
             zeros = pads ? sig.out[0].count() * width : 0](const Buffers& b) {
      clear(b.out[0], zeros);
      run_copy(copy, b.input<std::byte>(0) + origin_in, b.output<std::byte>(0) + origin_out);
    }};
  };
  return c;
}

// ---------------------------------------------------------------------------------------- Range

template <class T>
void range(int64_t n, const Buffers& b) {
  const T start = *b.input<T>(0), limit = *b.input<T>(1), delta = *b.input<T>(2);
  require(delta != T(0), "delta is 0");
  const double count = std::ceil((double(limit) - double(start)) / double(delta));
  require(std::fabs(std::max(count, 0.0) - double(n)) <= 1e-9 * double(n), "a range of ", count,
          " elements where ", n, " were expected");
  T* y = b.output<T>(0);
  for_elements(n, 0.3, [&](int64_t begin, int64_t end) {
    if constexpr (std::is_integral_v<T>)  // wraps on the way, never in the result
      for (int64_t i = begin; i < end; ++i) y[i] = T(uint64_t(start) + uint64_t(i) * uint64_t(delta));
    else
      for (int64_t i = begin; i < end; ++i) y[i] = start + T(i) * delta;
  });
}
using RangeFn = void (*)(int64_t n, const Buffers& b);
RangeFn find_range(hrt_dtype dtype) {
  switch (dtype) {
    case HRT_FLOAT32: return range<float>;
    case HRT_FLOAT64: return range<double>;
    case HRT_INT16: return range<int16_t>;
    case HRT_INT32: return range<int32_t>;
    case HRT_INT64: return range<int64_t>;
    default: return nullptr;
  }
}

std::string range_supports(const Node& node) {
  const hrt_dtype t = Graph(node.graph()).value(node.input(0)).dtype();
  return find_range(t) ? "" : sdk::cat("dtype ", dtype_name(t));
}

Compiled range_compile(const Node&) {
  Compiled c;
  c.prepare = [](const Signature& sig) -> Step {
    for (const Operand& o : sig.in) require(o.count() == 1, "inputs must be scalars");
    return {[fn = find_range(sig.in[0].dtype), n = sig.out[0].count()](const Buffers& b) { fn(n, b); }};
  };
  return c;
}

}  // namespace

std::span<const Op> arrange_ops() {
  static const Op ops[] = {{"", "OneHot", one_hot_supports, one_hot_compile},
                           {"", "Trilu", fixed_size_only, trilu_compile},
                           {"", "ReverseSequence", fixed_size_only, reverse_sequence_compile},
                           {"", "CenterCropPad", fixed_size_only, center_crop_pad_compile},
                           {"", "Range", range_supports, range_compile}};
  return ops;
}

}  // namespace hrt::cpu
