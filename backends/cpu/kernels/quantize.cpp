// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: runs of elements that share a scale, or whose
// scales lie beside one another.
// https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html, onnx__DequantizeLinear.html,
// onnx__DynamicQuantizeLinear.html
#include "backends/cpu/kernels/quantize.h"

#include <cstring>
#include <limits>

#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/movement.h"

namespace hrt::cpu {
namespace {

template <class T>
using Narrow = hn::Rebind<T, F32>;
using I32 = hn::RebindToSigned<F32>;
inline constexpr I32 i32;

// Elements of an integer type as floats, the first n at p.
template <class T>
HWY_INLINE Vec load_as_float(const T* p, int64_t n) {
  const Narrow<T> narrow;
  alignas(64) T buffer[kLanes] = {};
  if (HWY_UNLIKELY(n < kLanes)) p = static_cast<const T*>(std::memcpy(buffer, p, size_t(n) * sizeof(T)));
  const auto v = hn::LoadU(narrow, p);
  if constexpr (sizeof(T) == 4)
    return hn::ConvertTo(f32, v);
  else
    return hn::ConvertTo(f32, hn::PromoteTo(i32, v));
}
HWY_INLINE Vec load_floats(const float* p, int64_t n) {
  return HWY_LIKELY(n >= kLanes) ? hn::LoadU(f32, p) : load_n(p, n);
}

// Integers within the range of T, to the first n elements at p.
template <class T>
HWY_INLINE void store_integers(hn::Vec<I32> v, T* p, int64_t n) {
  const Narrow<T> narrow;
  const auto low = hn::DemoteTo(narrow, v);
  if (HWY_LIKELY(n >= kLanes)) return hn::StoreU(low, narrow, p);
  alignas(64) T buffer[kLanes];
  hn::Store(low, narrow, buffer);
  std::memcpy(p, buffer, size_t(n) * sizeof(T));
}

// NaN becomes the zero point.
template <class T>
HWY_INLINE void store_quantized(Vec ratio, Vec zero, T* p, int64_t n) {
  const Vec low = hn::Set(f32, float(std::numeric_limits<T>::min())),
            high = hn::Set(f32, float(std::numeric_limits<T>::max()));
  ratio = hn::IfThenElseZero(hn::Eq(ratio, ratio), ratio);
  ratio = hn::Min(hn::Max(ratio, hn::Sub(low, zero)), hn::Sub(high, zero));
  store_integers(hn::Add(hn::NearestInt(ratio), hn::ConvertTo(i32, zero)), p, n);
}

// How elements and scales belong together: {outer, length, inner}, of which the axis is the middle, or
// one run with one scale.
struct Granularity {
  int64_t outer = 1, length = 1, inner = 1;
  int64_t block = 0;  // 0: a scale for each index of the axis
  bool one_scale = false;

  Granularity(const Signature& sig, int64_t axis, int64_t block_size) {
    const std::span<const int64_t> dims(sig.in[0].dims);
    const bool zero = sig.has_in(2);
    if (sig.in[1].count() == 1 && (!zero || sig.in[2].count() == 1)) {
      inner = sdk::element_count(dims);
      one_scale = true;
      return;
    }
    require(!zero || sig.in[1].dims == sig.in[2].dims,
            "scale and zero point differ in shape: ", sig.in[1].dims, " and ",
            zero ? sig.in[2].dims : Dims());
    const size_t at = size_t(checked_axis(axis, int64_t(dims.size())));
    outer = sdk::element_count(dims.first(at));
    length = dims[at];
    inner = sdk::element_count(dims.subspan(at + 1));
    block = block_size;
    require(block >= 0, "block_size is ", block);
    Dims expected = {length};
    if (block > 0) {
      expected.assign(dims.begin(), dims.end());
      expected[at] = length / block + (length % block != 0);
    }
    require(sig.in[1].dims == expected, "for data of shape ", sig.in[0].dims, " the scale must have shape ",
            expected, ", has ", sig.in[1].dims);
  }

  // Calls f(first element, first scale, count, scales vary) for runs of elements, in parallel.
  template <class F>
  void runs(F&& f) const {
    if (one_scale) {
      for_elements(inner, 0.15, [&](int64_t begin, int64_t end) { f(begin, 0, end - begin, false); });
    } else if (inner == 1) {  // the last axis
      const int64_t run = block ? block : length, count = ceil_div(length, run);
      parallel(outer * count, double(run) * 0.2 + 5, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t k = r % count * run;
          f(r / count * length + k, block ? r : 0, std::min(run, length - k), block == 0);
        }
      });
    } else {
      const int64_t blocks = block ? ceil_div(length, block) : 0;
      parallel(outer * length, double(inner) * 0.2 + 5, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t k = r % length;
          f(r * inner, block ? (r / length * blocks + k / block) * inner : k, inner, block > 0);
        }
      });
    }
  }
};

// A parameter of a run: one value, or one for each element.
template <class F>
HWY_INLINE void over_run(int64_t n, bool vary, F&& f) {
  for (int64_t i = 0; i < n; i += kLanes) f(i, std::min<int64_t>(n - i, kLanes), vary ? i : 0);
}
HWY_INLINE Vec parameter(const float* p, int64_t n, bool vary) {
  return vary ? load_floats(p, n) : hn::Set(f32, *p);
}
template <class T>
HWY_INLINE Vec zero_point(const T* p, int64_t n, bool vary) {
  if (!p) return hn::Zero(f32);
  return vary ? load_as_float(p, n) : hn::Set(f32, float(*p));
}

template <class T>
void quantize(const Granularity& g, const Buffers& b, bool with_zero) {
  const float *x = b.input<float>(0), *scale = b.input<float>(1);
  const T* const zero = with_zero ? b.input<T>(2) : nullptr;
  T* const y = b.output<T>(0);
  g.runs([=](int64_t at, int64_t k, int64_t count, bool vary) {
    over_run(count, vary, [&](int64_t i, int64_t n, int64_t j) {
      const Vec ratio = hn::Div(load_floats(x + at + i, n), parameter(scale + k + j, n, vary));
      store_quantized(ratio, zero_point(zero ? zero + k + j : zero, n, vary), y + at + i, n);
    });
  });
}

template <class T>
void dequantize(const Granularity& g, const Buffers& b, bool with_zero) {
  const T *x = b.input<T>(0), *zero = with_zero ? b.input<T>(2) : nullptr;
  const float* const scale = b.input<float>(1);
  float* const y = b.output<float>(0);
  g.runs([=](int64_t at, int64_t k, int64_t count, bool vary) {
    over_run(count, vary, [&](int64_t i, int64_t n, int64_t j) {
      const Vec v = hn::Sub(load_as_float(x + at + i, n), zero_point(zero ? zero + k + j : zero, n, vary));
      const Vec product = hn::Mul(v, parameter(scale + k + j, n, vary));
      HWY_LIKELY(n >= kLanes) ? hn::StoreU(product, f32, y + at + i) : store_n(product, y + at + i, n);
    });
  });
}

// Calls f.template operator()<T>() with the integer type of this dtype.
template <class F>
void visit_integer(hrt_dtype t, F&& f) {
  switch (t) {
    case HRT_INT8: return f.template operator()<int8_t>();
    case HRT_UINT8: return f.template operator()<uint8_t>();
    case HRT_INT16: return f.template operator()<int16_t>();
    case HRT_UINT16: return f.template operator()<uint16_t>();
    default: return f.template operator()<int32_t>();
  }
}

// Why node's quantized side or its scale cannot be taken. quantized: its value.
std::string refusal(const Node& node, uint32_t quantized, uint32_t real, bool with_int32) {
  const Graph graph(node.graph());
  const hrt_dtype q = graph.value(quantized).dtype(), scale = graph.value(node.input(1)).dtype();
  const bool integer =
      q == HRT_INT8 || q == HRT_UINT8 || q == HRT_INT16 || q == HRT_UINT16 || (with_int32 && q == HRT_INT32);
  if (!integer) return sdk::cat("dtype ", dtype_name(q));
  if (graph.value(real).dtype() != HRT_FLOAT32)
    return sdk::cat("dtype ", dtype_name(graph.value(real).dtype()));
  if (scale != HRT_FLOAT32) return sdk::cat("scale of dtype ", dtype_name(scale));
  if (node.i("precision") != HRT_UNDEFINED && node.i("precision") != HRT_FLOAT32)
    return "precision other than float32";
  return "";
}

template <bool kQuantize>
Compiled compile(const Node& node) {
  Compiled c;
  c.prepare = [axis = node.i("axis", 1), block = node.i("block_size")](const Signature& sig) -> Step {
    const Granularity g(sig, axis, block);
    const hrt_dtype type = kQuantize ? sig.out[0].dtype : sig.in[0].dtype;
    return {[g, type, zero = sig.has_in(2)](const Buffers& b) {
      visit_integer(type, [&]<class T>() {
        if constexpr (!kQuantize)
          dequantize<T>(g, b, zero);
        else if constexpr (sizeof(T) < 4)
          quantize<T>(g, b, zero);
      });
    }};
  };
  return c;
}

Compiled compile_dynamic(const Node&) {
  Compiled c;
  c.prepare = [](const Signature& sig) -> Step {
    return {[n = sig.in[0].count()](const Buffers& b) {
      const ByteRange range = byte_range(b.input<float>(0), n);
      if (b.out[0]) quantize_bytes(b.input<float>(0), n, range, b.output<uint8_t>(0));
      if (b.out[1]) *b.output<float>(1) = range.scale;
      if (b.out[2]) *b.output<uint8_t>(2) = range.zero;
    }};
  };
  return c;
}

constexpr Op kOps[] = {
    {"", "QuantizeLinear", [](const Node& n) { return refusal(n, n.output(0), n.input(0), false); },
     compile<true>},
    {"", "DequantizeLinear", [](const Node& n) { return refusal(n, n.input(0), n.output(0), true); },
     compile<false>},
    {"com.microsoft", "QuantizeLinear",
     [](const Node& n) { return refusal(n, n.output(0), n.input(0), false); }, compile<true>},
    {"com.microsoft", "DequantizeLinear",
     [](const Node& n) { return refusal(n, n.input(0), n.output(0), true); }, compile<false>},
    {"", "DynamicQuantizeLinear", [](const Node&) { return std::string(); }, compile_dynamic}};

}  // namespace

ByteRange byte_range(const float* x, int64_t n) {
  constexpr int64_t kParts = 64;
  float low[kParts] = {}, high[kParts] = {};  // the range always holds 0
  const int64_t part = round_up(ceil_div(n, kParts), kLanes);
  parallel(n > 0 ? ceil_div(n, part) : 0, double(part) * 0.1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      Vec lo = hn::Zero(f32), hi = lo;
      for (int64_t i = p * part; i < std::min((p + 1) * part, n); i += kLanes) {
        const Vec v = load_floats(x + i, n - i);
        lo = hn::Min(v, lo);  // NaN leaves lo and hi as they are
        hi = hn::Max(v, hi);
      }
      low[p] = hn::GetLane(hn::MinOfLanes(f32, lo));
      high[p] = hn::GetLane(hn::MaxOfLanes(f32, hi));
    }
  });
  const float least = *std::min_element(low, low + kParts), most = *std::max_element(high, high + kParts);
  ByteRange r;
  r.scale = (most - least) / 255;
  if (r.scale != 0) {
    const float zero = std::nearbyint(std::clamp(-least / r.scale, 0.0f, 255.0f));
    r.zero = std::isnan(zero) ? uint8_t(0) : uint8_t(zero);
  }
  return r;
}

void quantize_bytes(const float* x, int64_t n, const ByteRange& range, uint8_t* y) {
  if (range.scale == 0) {
    std::memset(y, range.zero, size_t(n));
    return;
  }
  const Vec scale = hn::Set(f32, range.scale), zero = hn::Set(f32, float(range.zero));
  for_elements(n, 0.15, [&](int64_t begin, int64_t end) {
    over_run(end - begin, false, [&](int64_t i, int64_t count, int64_t) {
      store_quantized(hn::Div(load_floats(x + begin + i, count), scale), zero, y + begin + i, count);
    });
  });
}

std::span<const Op> quantize_ops() { return kOps; }

}  // namespace hrt::cpu
