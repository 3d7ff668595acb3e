// SPDX-License-Identifier: Apache-2.0
// The largest elements of the rows under a window first, column by column, then of these along the row.
#include "backends/cpu/kernels/byte_pool.h"

#include <limits>

#include "backends/cpu/kernels/window.h"

namespace hrt::cpu {
namespace {

struct Pool {
  Window w;
  Dims3 in, out;

  template <class T>
  void row(const T* plane, int64_t z, int64_t y, T* columns, T* to) const {
    constexpr T kLowest = std::numeric_limits<T>::lowest();
    std::fill(columns, columns + in[2], kLowest);
    for (int64_t a = w.first_tap(0, z); a < w.last_tap(0, z, in[0]); ++a)
      for (int64_t b = w.first_tap(1, y); b < w.last_tap(1, y, in[1]); ++b) {
        const T* const from = plane + ((z + a * w.dilation[0]) * in[1] + y + b * w.dilation[1]) * in[2];
        for (int64_t x = 0; x < in[2]; ++x) columns[x] = std::max(columns[x], from[x]);
      }
    for (int64_t o = 0; o < out[2]; ++o) {
      const int64_t x = o * w.stride[2] - w.begin[2];
      T most = kLowest;
      for (int64_t c = w.first_tap(2, x); c < w.last_tap(2, x, in[2]); ++c)
        most = std::max(most, columns[x + c * w.dilation[2]]);
      to[o] = most;
    }
  }
  template <class T>
  void run(int64_t planes, const Buffers& b) const {
    const double ns = double(volume(out)) * double(w.kernel[2] + 1);
    parallel(planes, ns, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p)
        for (int64_t r = 0; r < out[0] * out[1]; ++r)
          row(b.input<T>(0) + p * volume(in), r / out[1] * w.stride[0] - w.begin[0],
              r % out[1] * w.stride[1] - w.begin[1], reinterpret_cast<T*>(b.workspace) + p * in[2],
              b.output<T>(0) + p * volume(out) + r * out[2]);
    });
  }
};

}  // namespace

bool is_byte_pool(const Node& node) {
  const hrt_dtype t = Graph(node.graph()).value(node.input(0)).dtype();
  return (t == HRT_INT8 || t == HRT_UINT8) && node.output(1) == HRT_NONE;
}

Compiled compile_byte_max_pool(const Node& node) {
  Compiled c;
  c.prepare = [attrs = WindowAttrs(node)](const Signature& sig) -> Step {
    const std::span<const int64_t> in(sig.in[0].dims), out(sig.out[0].dims);
    require(attrs.kernel.size() + 2 == in.size(), "kernel_shape has ", attrs.kernel.size(), " entries");
    const Pool pool{attrs.resolve(in.subspan(2), out.subspan(2), attrs.kernel), spatial3(in), spatial3(out)};
    const int64_t planes = in[0] * in[1];
    Step step;
    step.workspace = size_t(planes * pool.in[2]);
    step.run = [=, is_signed = sig.in[0].dtype == HRT_INT8](const Buffers& b) {
      is_signed ? pool.run<int8_t>(planes, b) : pool.run<uint8_t>(planes, b);
    };
    return step;
  };
  return c;
}

}  // namespace hrt::cpu
