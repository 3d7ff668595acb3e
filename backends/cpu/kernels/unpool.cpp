// SPDX-License-Identifier: Apache-2.0
// Col2Im and MaxUnpool: sums of blocks, and single elements, put back into an image of zeros.
// https://onnx.ai/onnx/operators/onnx__Col2Im.html, onnx__MaxUnpool.html
#include <cstring>

#include "backends/cpu/kernels/col2im.h"
#include "backends/cpu/kernels/window.h"
#include "backends/cpu/op.h"

namespace hrt::cpu {
namespace {

// --------------------------------------------------------------------------------------------- Col2Im

template <class T>
void add_planes(const Blocks& s, const T* x, T* y) {
  const int64_t from = volume(s.w.kernel) * volume(s.grid);
  parallel(s.planes, double(from) * 0.5, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) add_plane(s, x + p * from, y + p * volume(s.image), T(0));
  });
}

std::string col2im_supports(const Node& node) {
  const hrt_dtype t = widened(Value(node.graph(), node.input(0)).dtype());
  if (t != HRT_FLOAT32 && t != HRT_FLOAT64) return sdk::cat("dtype ", dtype_name(t));
  for (const int64_t p : node.ints("pads"))
    if (p < 0) return "negative pads";
  const auto shape = Value(node.graph(), node.input(1)).dims();
  if (shape.size() != 1 || !sdk::is_number(shape[0])) return "rank of the image is not known";
  return shape[0] >= 1 && shape[0] <= 3 ? "" : sdk::cat(shape[0], " spatial dims");
}

Compiled col2im_compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.prepare = [attrs = WindowAttrs(node)](const Signature& sig) -> Step {
    const Dims image = sig.in[1].known_ints(), block = sig.in[2].known_ints();
    const Dims& x = sig.in[0].dims;
    require(image.size() == block.size() && image.size() + 2 == sig.out[0].dims.size(), "image_shape ", image,
            " and block_shape ", block, " differ in rank");
    Blocks s{attrs.resolve(image, image, block), spatial3(sig.out[0].dims), {}, 0};
    for (size_t i = 0; i < 3; ++i) {
      const int64_t room = s.image[i] + s.w.begin[i] + s.w.end[i] - (s.w.kernel[i] - 1) * s.w.dilation[i] - 1;
      require(room >= 0, "the block does not fit into the image");
      s.grid[i] = room / s.w.stride[i] + 1;
    }
    s.planes = sig.out[0].dims[0] * sig.out[0].dims[1];
    require(x.size() == 3 && x[0] * x[1] == s.planes * volume(s.w.kernel) && x[2] == volume(s.grid),
            "x of shape ", x, " for blocks of ", block);
    return {[s, wide = sig.in[0].dtype == HRT_FLOAT64](const Buffers& b) {
      if (wide)
        add_planes(s, b.input<double>(0), b.output<double>(0));
      else
        add_planes(s, b.input<float>(0), b.output<float>(0));
    }};
  };
  return c;
}

// ------------------------------------------------------------------------------------------ MaxUnpool

std::string unpool_supports(const Node& node) {
  const Value x(node.graph(), node.input(0));
  if (!x.ranked()) return "rank of the input is not known";
  return x.rank() < 3 ? "rank below 3" : "";
}

// The dims in which the indices count: those that MaxPool saw, as far as its attributes tell.
Dims pooled_from(const Dims& x, const Dims& kernel, const Dims& strides, const Dims& pads) {
  const size_t rank = x.size() - 2;
  const auto at = [&](const Dims& d, size_t i, int64_t other) {
    require(d.empty() || d.size() == rank || d.size() == 2 * rank, "an attribute has ", d.size(), " entries");
    return i < d.size() ? d[i] : other;
  };
  require(kernel.size() == rank, "kernel_shape has ", kernel.size(), " entries");
  Dims from(x.begin(), x.begin() + 2);
  for (size_t i = 0; i < rank; ++i) {
    int64_t n = 0;
    require(!__builtin_mul_overflow(x[i + 2] - 1, at(strides, i, 1), &n), "strides are too large");
    from.push_back(n + kernel[i] - at(pads, i, 0) - at(pads, i + rank, 0));
    require(from.back() >= 0, "padding leaves nothing of axis ", i + 2);
  }
  return from;
}

template <class T>
void put_back(const T* x, const int64_t* index, int64_t n, T* y, const Dims& from, const Dims& stride) {
  const int64_t count = sdk::element_count(from);
  for (int64_t i = 0; i < n; ++i) {
    int64_t at = index[i], o = 0;
    require(at >= 0 && at < count, "index ", at, " is outside ", from);
    for (size_t d = from.size(); d-- > 0; at /= from[d]) o += at % from[d] * stride[d];
    y[o] = x[i];
  }
}

Compiled unpool_compile(const Node& node) {
  Compiled c;
  c.prepare = [kernel = node.ints("kernel_shape"), strides = node.ints("strides"),
               pads = node.ints("pads")](const Signature& sig) -> Step {
    require(sig.in[1].dims == sig.in[0].dims, "indices of shape ", sig.in[1].dims, " for x of ",
            sig.in[0].dims);
    const Dims from = pooled_from(sig.in[0].dims, kernel, strides, pads), &to = sig.out[0].dims;
    Dims stride(to.size(), 1);
    for (size_t d = to.size(); d-- > 0;) {
      require(to[d] >= from[d], "output_shape ", to, " is smaller than ", from);
      if (d + 1 < to.size()) stride[d] = stride[d + 1] * to[d + 1];
    }
    const size_t width = dtype_bytes(sig.in[0].dtype);
    return {[=, n = sig.in[0].count(), bytes = size_t(sig.out[0].count()) * width](const Buffers& b) {
      std::memset(b.out[0], 0, bytes);
      const auto run = [&]<class T>(const T* x) {
        put_back(x, b.input<int64_t>(1), n, b.output<T>(0), from, stride);
      };
      if (width == 2) return run(b.input<uint16_t>(0));
      if (width == 4) return run(b.input<uint32_t>(0));
      run(b.input<uint64_t>(0));
    }};
  };
  return c;
}

constexpr Op kOps[] = {{"", "Col2Im", col2im_supports, col2im_compile},
                       {"", "MaxUnpool", unpool_supports, unpool_compile}};

}  // namespace

std::span<const Op> unpool_ops() { return kOps; }

}  // namespace hrt::cpu
