// SPDX-License-Identifier: Apache-2.0
// MaxPool, AveragePool, LpPool and their global forms on channel-blocked tensors: every lane is a channel of
// its own. MaxPool of other types, and with indices, is a plain loop over plain tensors.
// https://onnx.ai/onnx/operators/onnx__MaxPool.html, onnx__AveragePool.html, onnx__LpPool.html
#include <array>
#include <limits>

#include "backends/cpu/kernels/byte_pool.h"
#include "backends/cpu/kernels/vec_math.h"
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
  HWY_INLINE Vec result(float divisor) const {  // nothing counted: 0
    return divisor == 0 ? hn::Zero(f32) : hn::Div(sum, hn::Set(f32, divisor));
  }
};

// The norm of order p.
struct Norm {
  int64_t p;
  Vec sum = hn::Zero(f32);

  HWY_INLINE void add(Vec v) {
    Vec square = hn::Abs(v), power = hn::Set(f32, 1.0f);
    for (int64_t e = p; e > 0; e >>= 1, square = hn::Mul(square, square))
      if (e & 1) power = hn::Mul(power, square);
    sum = hn::Add(sum, power);
  }
  HWY_INLINE void join(const Norm& other) { sum = hn::Add(sum, other.sum); }
  HWY_INLINE Vec result(float) const {
    return p == 1 ? sum : p == 2 ? hn::Sqrt(sum) : vec::pow(sum, hn::Set(f32, 1.0f / float(p)));
  }
};

// Where the window of one output lies in one dim: its origin in the input, the taps inside the input,
// and how many taps an average counts.
struct Taps {
  int64_t origin, first, last;
  float counted;
};

struct Pool {
  Window w;
  int64_t planes;  // blocks of channels of all images; where plain, channels
  Dims3 in, out;
  std::array<std::vector<Taps>, 3> taps;  // by dim and output

  Pool(const Window& window, const Operand& x, const Dims& out_dims, bool count_include_pad);
  template <class Acc>
  void run(const float* x, float* y, Acc start) const;
  template <class Acc>
  Vec at(const float* x, const Taps& d, const Taps& h, const Taps& w_taps, Acc acc) const;
  template <class T>
  void run_plain(const T* x, T* y, int64_t* indices, bool column_major) const;
};

Pool::Pool(const Window& window, const Operand& x, const Dims& out_dims, bool count_include_pad)
    : w(window), planes(x.physical()[0] * x.physical()[1]), in(spatial3(x.dims)), out(spatial3(out_dims)) {
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
Vec Pool::at(const float* x, const Taps& d, const Taps& h, const Taps& w_taps, Acc acc) const {
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
void Pool::run(const float* x, float* y, Acc start) const {
  const double ns = double(out[2] * volume(w.kernel)) * 0.4;
  parallel(planes * out[0] * out[1], ns, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Taps &h = taps[1][size_t(i % out[1])], &d = taps[0][size_t(i / out[1] % out[0])];
      const float* from = x + i / (out[0] * out[1]) * volume(in) * kLanes;
      float* to = y + i * out[2] * kLanes;
      for (int64_t ow = 0; ow < out[2]; ++ow)
        hn::StoreU(at(from, d, h, taps[2][size_t(ow)], start), f32, to + ow * kLanes);
    }
  });
}

// The largest of each window, the first of equals, and where it is; a NaN is larger than all.
template <class T>
void Pool::run_plain(const T* x, T* y, int64_t* indices, bool column_major) const {
  const Dims3 stride = column_major ? Dims3{1, in[0], in[0] * in[1]} : Dims3{in[1] * in[2], in[2], 1};
  using Limits = std::numeric_limits<T>;
  constexpr T kLowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  const auto window = [&](const T* plane, int64_t index, const Taps& d, const Taps& h, const Taps& v) {
    T best = kLowest;
    int64_t where = -1;
    for (int64_t kd = d.first; kd < d.last; ++kd)
      for (int64_t kh = h.first; kh < h.last; ++kh)
        for (int64_t kw = v.first; kw < v.last; ++kw) {
          const int64_t at[3] = {d.origin + kd * w.dilation[0], h.origin + kh * w.dilation[1],
                                 v.origin + kw * w.dilation[2]};
          const T value = plane[(at[0] * in[1] + at[1]) * in[2] + at[2]];
          if (where >= 0 && !(value > best) && value == value) continue;
          best = value;
          where = index + at[0] * stride[0] + at[1] * stride[1] + at[2] * stride[2];
        }
    return std::pair(best, where);
  };
  parallel(planes * out[0] * out[1], double(out[2] * volume(w.kernel)) * 1.5,
           [&](int64_t begin, int64_t end) {
             for (int64_t i = begin; i < end; ++i) {
               const Taps &h = taps[1][size_t(i % out[1])], &d = taps[0][size_t(i / out[1] % out[0])];
               const int64_t plane = i / (out[0] * out[1]) * volume(in);
               for (int64_t ow = 0; ow < out[2]; ++ow) {
                 const auto [best, where] = window(x + plane, plane, d, h, taps[2][size_t(ow)]);
                 y[i * out[2] + ow] = best;
                 if (indices) indices[i * out[2] + ow] = where;
               }
             }
           });
}

// Every lane over n vectors; four at a time, so that they overlap.
template <class Acc>
Vec reduce_plane(const float* x, int64_t n, Acc start) {
  Acc acc[4] = {start, start, start, start};
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
void reduce_planes(const float* x, float* y, int64_t planes, int64_t n, Acc start) {
  parallel(planes, double(n) * 0.4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      hn::StoreU(reduce_plane(x + i * n * kLanes, n, start), f32, y + i * kLanes);
  });
}

// ------------------------------------------------------------------------------------- the rows

// Calls f with the start of what the operator accumulates.
template <class F>
void with_accumulator(std::string_view op, int64_t p, F&& f) {
  if (op.ends_with("MaxPool")) return f(Maximum{});
  if (op.ends_with("LpPool")) return f(Norm{p});
  f(Average{});
}

std::string lp_refusal(const Node& node) {
  const int64_t p = node.i("p", 2);
  return p >= 1 && p <= 64 ? "" : sdk::cat("p = ", p);
}

std::string supports(const Node& node) {
  if (std::string reason = floats_only(node); !reason.empty()) return reason;
  if (std::string reason = lp_refusal(node); !reason.empty()) return reason;
  return window_refusal(node);
}

std::string supports_max(const Node& node) {
  const hrt_dtype t = widened(Value(node.graph(), node.input(0)).dtype());
  if (t != HRT_FLOAT32 && t != HRT_FLOAT64 && t != HRT_INT8 && t != HRT_UINT8)
    return sdk::cat("dtype ", dtype_name(t));
  return window_refusal(node);
}

std::string supports_global(const Node& node) {
  if (std::string reason = floats_only(node); !reason.empty()) return reason;
  if (std::string reason = lp_refusal(node); !reason.empty()) return reason;
  const Value x = Graph(node.graph()).value(node.input(0));
  return x.rank() >= 3 ? "" : "rank below 3 or not known";
}

void arrange(Signature& sig) {
  const bool plain = sig.in[0].dtype != HRT_FLOAT32 || (sig.out.size() > 1 && sig.out[1].present());
  sig.in[0].layout = sig.out[0].layout = plain ? Layout::kPlain : Layout::kBlocked;
}

Step max_plain_step(Pool pool, const Signature& sig, bool column_major) {
  const bool indices = sig.out.size() > 1 && sig.out[1].present();
  return {[pool = std::move(pool), dtype = sig.in[0].dtype, indices, column_major](const Buffers& b) {
    const auto run = [&]<class T>(const T* x) {
      pool.run_plain(x, b.output<T>(0), indices ? b.output<int64_t>(1) : nullptr, column_major);
    };
    switch (dtype) {
      case HRT_FLOAT64: return run(b.input<double>(0));
      case HRT_INT8: return run(b.input<int8_t>(0));
      case HRT_UINT8: return run(b.input<uint8_t>(0));
      default: return run(b.input<float>(0));
    }
  }};
}

Compiled compile_windowed(const Node& node) {
  if (is_byte_pool(node)) return compile_byte_max_pool(node);
  Compiled c;
  c.widens = true;
  c.arrange = arrange;
  c.prepare = [attrs = WindowAttrs(node), op = std::string(node.op()), p = node.i("p", 2),
               pad = node.i("count_include_pad") != 0,
               column_major = node.i("storage_order") != 0](const Signature& sig) -> Step {
    const Dims &in = sig.in[0].dims, &out = sig.out[0].dims;
    require(attrs.kernel.size() + 2 == in.size(), "kernel_shape has ", attrs.kernel.size(), " entries");
    const Window w = attrs.resolve(std::span(in).subspan(2), std::span(out).subspan(2), attrs.kernel);
    Pool pool(w, sig.in[0], out, pad);
    if (sig.in[0].layout == Layout::kPlain) return max_plain_step(std::move(pool), sig, column_major);
    return {[pool = std::move(pool), op, p](const Buffers& b) {
      with_accumulator(op, p, [&](auto start) { pool.run(b.input<float>(0), b.output<float>(0), start); });
    }};
  };
  return c;
}

Compiled compile_global(const Node& node) {
  Compiled c;
  c.widens = true;
  c.arrange = arrange;
  c.prepare = [op = std::string(node.op()), p = node.i("p", 2)](const Signature& sig) -> Step {
    const Dims& in = sig.in[0].dims;
    const int64_t planes = in[0] * ceil_div(in[1], kLanes), n = sdk::element_count(std::span(in).subspan(2));
    return {[planes, n, op, p](const Buffers& b) {
      with_accumulator(
          op, p, [&](auto start) { reduce_planes(b.input<float>(0), b.output<float>(0), planes, n, start); });
    }};
  };
  return c;
}

double flops(const Node& node) {
  double n = 1;
  for (const int64_t k : node.ints("kernel_shape")) n *= double(k);
  return n;
}

constexpr Op kOps[] = {{"", "MaxPool", supports_max, compile_windowed, flops},
                       {"", "AveragePool", supports, compile_windowed, flops},
                       {"", "LpPool", supports, compile_windowed, flops},
                       {"", "GlobalMaxPool", supports_global, compile_global},
                       {"", "GlobalAveragePool", supports_global, compile_global},
                       {"", "GlobalLpPool", supports_global, compile_global}};

}  // namespace

std::span<const Op> pool_ops() { return kOps; }

}  // namespace hrt::cpu
