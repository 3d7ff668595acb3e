// SPDX-License-Identifier: Apache-2.0
// MaxPool, AveragePool, GlobalMaxPool and GlobalAveragePool on channel-blocked tensors: every lane is a
// channel of its own.
// https://onnx.ai/onnx/operators/onnx__MaxPool.html, onnx__AveragePool.html
#include <array>
#include <limits>

#include "backends/cpu/kernels/window.h"
#include "backends/cpu/op.h"
#include "backends/cpu/simd.h"

namespace hrt::cpu {
namespace {

// A running maximum; a NaN among the values makes it NaN.
struct Maximum {
  Vec value = hn::Set(f32, -std::numeric_limits<float>::infinity());
  hn::Mask<F32> nan = hn::IsNaN(hn::Zero(f32));

  HWY_INLINE void add(Vec v) {
    value = hn::Max(v, value);
    nan = hn::Or(nan, hn::IsNaN(v));
  }
  HWY_INLINE void join(const Maximum& other) {
    value = hn::Max(other.value, value);
    nan = hn::Or(nan, other.nan);
  }
  HWY_INLINE Vec result(float) const {
    return hn::IfThenElse(nan, hn::Set(f32, std::numeric_limits<float>::quiet_NaN()), value);
  }
};

struct Average {
  Vec sum = hn::Zero(f32);

  HWY_INLINE void add(Vec v) { sum = hn::Add(sum, v); }
  HWY_INLINE void join(const Average& other) { sum = hn::Add(sum, other.sum); }
  HWY_INLINE Vec result(float divisor) const { return hn::Div(sum, hn::Set(f32, divisor)); }
};

// Where the window of one output lies in one dim: its origin in the input, the taps inside the input,
// and how many taps an average counts.
struct Taps {
  int64_t origin, first, last;
  float counted;
};

struct Pool {
  Window w;
  int64_t planes;  // blocks of channels of all images
  Dims3 in, out;
  std::array<std::vector<Taps>, 3> taps;  // by dim and output

  Pool(const Window& window, const Dims& in_dims, const Dims& out_dims, bool count_include_pad);
  template <class Acc>
  void run(const float* x, float* y) const;
  template <class Acc>
  Vec at(const float* x, const Taps& d, const Taps& h, const Taps& w_taps) const;
};

Pool::Pool(const Window& window, const Dims& in_dims, const Dims& out_dims, bool count_include_pad)
    : w(window),
      planes(in_dims[0] * ceil_div(in_dims[1], kLanes)),
      in(spatial3(in_dims)),
      out(spatial3(out_dims)) {
  for (size_t i = 0; i < 3; ++i)
    for (int64_t o = 0; o < out[i]; ++o) {
      Taps t;
      t.origin = o * w.stride[i] - w.begin[i];
      t.first = w.first_tap(int(i), t.origin);
      t.last = std::max(t.first, w.last_tap(int(i), t.origin, in[i]));
      // With ceil_mode a window may reach past the padding: those taps never count.
      const int64_t padded = std::min(w.kernel[i], ceil_div(in[i] + w.end[i] - t.origin, w.dilation[i]));
      t.counted = float(count_include_pad ? padded : t.last - t.first);
      taps[i].push_back(t);
    }
}

template <class Acc>
Vec Pool::at(const float* x, const Taps& d, const Taps& h, const Taps& w_taps) const {
  Acc acc;
  for (int64_t kd = d.first; kd < d.last; ++kd)
    for (int64_t kh = h.first; kh < h.last; ++kh) {
      const int64_t row = (d.origin + kd * w.dilation[0]) * in[1] + h.origin + kh * w.dilation[1];
      const float* p = x + (row * in[2] + w_taps.origin) * kLanes;
      for (int64_t kw = w_taps.first; kw < w_taps.last; ++kw)
        acc.add(hn::LoadU(f32, p + kw * w.dilation[2] * kLanes));
    }
  return acc.result(d.counted * h.counted * w_taps.counted);
}

template <class Acc>
void Pool::run(const float* x, float* y) const {
  const double ns = double(out[2] * volume(w.kernel)) * 0.4;
  parallel(planes * out[0] * out[1], ns, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Taps &h = taps[1][size_t(i % out[1])], &d = taps[0][size_t(i / out[1] % out[0])];
      const float* from = x + i / (out[0] * out[1]) * volume(in) * kLanes;
      float* to = y + i * out[2] * kLanes;
      for (int64_t ow = 0; ow < out[2]; ++ow)
        hn::StoreU(at<Acc>(from, d, h, taps[2][size_t(ow)]), f32, to + ow * kLanes);
    }
  });
}

// Every lane over n vectors; four at a time, so that they overlap.
template <class Acc>
Vec reduce_plane(const float* x, int64_t n) {
  Acc acc[4];
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    unroll<4>([&](auto j) { acc[j].add(hn::LoadU(f32, x + (i + int64_t(j)) * kLanes)); });
  for (; i < n; ++i) acc[0].add(hn::LoadU(f32, x + i * kLanes));
  acc[0].join(acc[1]);
  acc[2].join(acc[3]);
  acc[0].join(acc[2]);
  return acc[0].result(float(n));
}

template <class Acc>
void reduce_planes(const float* x, float* y, int64_t planes, int64_t n) {
  parallel(planes, double(n) * 0.4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      hn::StoreU(reduce_plane<Acc>(x + i * n * kLanes, n), f32, y + i * kLanes);
  });
}

// ------------------------------------------------------------------------------------- the rows

std::string supports(const Node& node) {
  if (std::string reason = float32_only(node); !reason.empty()) return reason;
  if (node.output(1) != HRT_NONE) return "the Indices output";
  if (node.i("storage_order") != 0) return "storage_order 1";
  return window_refusal(node);
}

std::string supports_global(const Node& node) {
  if (std::string reason = float32_only(node); !reason.empty()) return reason;
  const Value x = Graph(node.graph()).value(node.input(0));
  return x.rank() >= 3 ? "" : "rank below 3 or not known";
}

void arrange(Signature& sig) {
  sig.in[0].layout = Layout::kBlocked;
  sig.out[0].layout = Layout::kBlocked;
}

Compiled compile_windowed(const Node& node) {
  Compiled c;
  c.arrange = arrange;
  c.prepare = [attrs = WindowAttrs(node), max = node.is("MaxPool"),
               pad = node.i("count_include_pad") != 0](const Signature& sig) -> Step {
    const Dims &in = sig.in[0].dims, &out = sig.out[0].dims;
    require(attrs.kernel.size() + 2 == in.size(), "kernel_shape has ", attrs.kernel.size(), " entries");
    const Window w = attrs.resolve(std::span(in).subspan(2), std::span(out).subspan(2), attrs.kernel);
    return {[run = max ? &Pool::run<Maximum> : &Pool::run<Average>, pool = Pool(w, in, out, pad)](
                const Buffers& b) { (pool.*run)(b.input<float>(0), b.output<float>(0)); }};
  };
  return c;
}

Compiled compile_global(const Node& node) {
  Compiled c;
  c.arrange = arrange;
  c.prepare = [max = node.is("GlobalMaxPool")](const Signature& sig) -> Step {
    const Dims& in = sig.in[0].dims;
    const int64_t planes = in[0] * ceil_div(in[1], kLanes), n = sdk::element_count(std::span(in).subspan(2));
    return {[planes, n, run = max ? reduce_planes<Maximum> : reduce_planes<Average>](const Buffers& b) {
      run(b.input<float>(0), b.output<float>(0), planes, n);
    }};
  };
  return c;
}

double flops(const Node& node) {
  double n = 1;
  for (const int64_t k : node.ints("kernel_shape")) n *= double(k);
  return n;
}

constexpr Op kOps[] = {{"", "MaxPool", supports, compile_windowed, flops},
                       {"", "AveragePool", supports, compile_windowed, flops},
                       {"", "GlobalMaxPool", supports_global, compile_global},
                       {"", "GlobalAveragePool", supports_global, compile_global}};

}  // namespace

std::span<const Op> pool_ops() { return kOps; }

}  // namespace hrt::cpu
