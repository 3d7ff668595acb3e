// SPDX-License-Identifier: Apache-2.0
// Operators of 8-bit tensors in com.microsoft: dequantize, compute, quantize. Functions of one tensor are
// tables of 256; sums of planes are sums of bytes.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include <array>
#include <cmath>

#include "backends/cpu/kernels/broadcast.h"
#include "backends/cpu/kernels/bytes.h"
#include "backends/cpu/kernels/movement.h"
#include "backends/cpu/kernels/window.h"

namespace hrt::cpu {
namespace {

using namespace bytes;

// The scale and zero point of one 8-bit tensor.
struct Quantization {
  double scale, zero;
  bool is_signed;

  // scale: the position of the scale, behind which the zero point may be.
  Quantization(const Signature& sig, const Buffers& b, size_t i, hrt_dtype type)
      : scale(double(*b.input<float>(i))), zero(0), is_signed(type == HRT_INT8) {
    if (sig.has_in(i + 1)) zero = value(*b.input<uint8_t>(i + 1));
  }
  double value(uint8_t byte) const { return is_signed ? double(int8_t(byte)) : double(byte); }
  double real(uint8_t byte) const { return (value(byte) - zero) * scale; }
  float low() const { return float((is_signed ? -128 : 0) - zero); }
  float high() const { return float((is_signed ? 127 : 255) - zero); }
  uint8_t quantize(double v) const {
    const double ratio = v / scale;
    return uint8_t(int(
        std::isnan(ratio) ? zero : std::nearbyint(std::clamp(ratio, double(low()), double(high()))) + zero));
  }
  ToBytes to_bytes() const { return {low(), high(), int32_t(zero)}; }
  bool operator==(const Quantization&) const = default;
};

using Table = std::array<uint8_t, 256>;

// The table of f, of real numbers.
template <class F>
Table table_of(const Quantization& from, const Quantization& to, F f) {
  Table t;
  for (int i = 0; i < 256; ++i) t[size_t(i)] = to.quantize(f(from.real(uint8_t(i))));
  return t;
}
void look_up(const Table& t, const uint8_t* x, uint8_t* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = t[x[i]];
}

// All parameters: one element each.
std::string check_scalars(const Node& node, std::initializer_list<size_t> inputs) {
  const Graph graph(node.graph());
  for (const size_t i : inputs) {
    if (!node.has_input(i)) continue;
    const Value v = graph.value(node.input(i));
    if (!v.ranked() || !sdk::all_numbers(v.dims())) return "shape of a scale or zero point is not known";
    if (sdk::element_count(v.dims()) != 1) return "scale or zero point of several elements";
  }
  return "";
}

// ----------------------------------------------------------------------------------- of one tensor

template <class F>
Compiled compile_table(F function) {
  Compiled c;
  c.inplace = 1;
  c.prepare = [function](const Signature& sig) -> Step {
    return {[=](const Buffers& b) {
      const hrt_dtype t = sig.in[0].dtype;
      const Table table = table_of(Quantization(sig, b, 1, t), Quantization(sig, b, 3, t), function);
      parallel(ceil_div(sig.in[0].count(), 4096), 2000, [&](int64_t begin, int64_t end) {
        const int64_t first = begin * 4096, last = std::min(end * 4096, sig.in[0].count());
        look_up(table, b.input<uint8_t>(0) + first, b.output<uint8_t>(0) + first, last - first);
      });
    }};
  };
  return c;
}
Compiled compile_sigmoid(const Node&) {
  return compile_table([](double x) { return 1 / (1 + std::exp(-x)); });
}
Compiled compile_leaky_relu(const Node& node) {
  return compile_table([alpha = double(node.f("alpha", 0.01f))](double x) { return x < 0 ? alpha * x : x; });
}

// ---------------------------------------------------------------------------------- of two tensors

// y = round(f(a, b)) + zero point, over rows in which an input moves on by 1 or by 0.
template <class T, class F>
void binary(const Broadcast& plan, const Quantization& to, const Buffers& b, F f) {
  const T *const a_at = b.input<T>(0), *const b_at = b.input<T>(3);
  uint8_t* const y_at = b.output<uint8_t>(0);
  const ToBytes to_bytes = to.to_bytes();
  const Vec one = hn::Set(f32, 1.0f);
  const auto load = [](const T* p, int64_t i, int64_t n, bool moves) {
    return moves ? load_floats(p + i, n) : hn::Set(f32, float(*p));
  };
  for_rows(plan, 0.15, [&](const RowRun& run) {
    for (int64_t r = 0; r < run.m; ++r) {
      const T *x = a_at + run.offset[0] + r * run.step[0], *z = b_at + run.offset[1] + r * run.step[1];
      uint8_t* const y = y_at + run.out + r * run.n;
      for (int64_t i = 0; i < run.n; i += kLanes)
        store_bytes(
            to_bytes(f(load(x, i, run.n - i, plan.row_stride(0)), load(z, i, run.n - i, plan.row_stride(1))),
                     one),
            y + i, run.n - i);
    }
  });
}

template <bool kMul>
Compiled compile_binary(const Node&) {
  Compiled c;
  c.prepare = [](const Signature& sig) -> Step {
    const std::array<Dims, 2> in = {sig.in[0].dims, sig.in[3].dims};
    return {[sig, plan = make_broadcast(sig.out[0].dims, in)](const Buffers& b) {
      const hrt_dtype t = sig.in[0].dtype;
      const Quantization qa(sig, b, 1, t), qb(sig, b, 4, t), to(sig, b, 6, t);
      const auto run = [&](auto f) {
        t == HRT_INT8 ? binary<int8_t>(plan, to, b, f) : binary<uint8_t>(plan, to, b, f);
      };
      if constexpr (kMul) {
        const Vec za = hn::Set(f32, float(qa.zero)), zb = hn::Set(f32, float(qb.zero)),
                  scale = hn::Set(f32, float(qa.scale * qb.scale / to.scale));
        run([=](Vec x, Vec y) { return hn::Mul(hn::Mul(hn::Sub(x, za), hn::Sub(y, zb)), scale); });
      } else {
        const double ka = qa.scale / to.scale, kb = qb.scale / to.scale;
        const Vec va = hn::Set(f32, float(ka)), vb = hn::Set(f32, float(kb)),
                  za = hn::Set(f32, float(qa.zero)), zb = hn::Set(f32, float(qb.zero));
        run([=](Vec x, Vec y) { return hn::MulAdd(hn::Sub(x, za), va, hn::Mul(hn::Sub(y, zb), vb)); });
      }
    }};
  };
  return c;
}

Compiled compile_where(const Node&) {
  Compiled c;
  c.prepare = [](const Signature& sig) -> Step {
    const std::array<Dims, 3> in = {sig.in[0].dims, sig.in[1].dims, sig.in[4].dims};
    return {[sig, plan = make_broadcast(sig.out[0].dims, in)](const Buffers& b) {
      const hrt_dtype t = sig.in[1].dtype;
      const Quantization to(sig, b, 7, t);
      const auto same = [](double v) { return v; };
      const Table of_x = table_of(Quantization(sig, b, 2, t), to, same),
                  of_y = table_of(Quantization(sig, b, 5, t), to, same);
      const auto *const condition = b.input<uint8_t>(0), *const x = b.input<uint8_t>(1),
                        *const y = b.input<uint8_t>(4);
      uint8_t* const z = b.output<uint8_t>(0);
      for_rows(plan, 1, [&](const RowRun& run) {
        for (int64_t r = 0; r < run.m; ++r)
          for (int64_t i = 0; i < run.n; ++i) {
            const auto at = [&](int k) { return run.offset[k] + r * run.step[k] + i * plan.row_stride(k); };
            z[run.out + r * run.n + i] = condition[at(0)] ? of_x[x[at(1)]] : of_y[y[at(2)]];
          }
      });
    }};
  };
  return c;
}

// ----------------------------------------------------------------------------------- joining, means

constexpr size_t kFirst = 2, kPerTensor = 3;  // of QLinearConcat's inputs

std::string concat_refusal(const Node& node) {
  const size_t n = node.inputs().size();
  if (n < kFirst + kPerTensor || (n - kFirst) % kPerTensor)
    return "inputs that are not tensor, scale and zero point";
  const Graph graph(node.graph());
  const hrt_dtype type = graph.value(node.input(1)).dtype();
  for (size_t i = kFirst; i < n; i += kPerTensor) {
    if (graph.value(node.input(i)).dtype() != type || graph.value(node.input(i + 2)).dtype() != type ||
        graph.value(node.input(i + 1)).dtype() != HRT_FLOAT32)
      return "tensors of different types";
    if (std::string reason = check_scalars(node, {i + 1, i + 2}); !reason.empty()) return reason;
  }
  return check_scalars(node, {0, 1});
}

Compiled compile_concat(const Node& node) {
  Compiled c;
  c.prepare = [axis = node.i("axis")](const Signature& sig) -> Step {
    const size_t at = size_t(checked_axis(axis, sig.out[0].rank()));
    return {[sig, at](const Buffers& b) {
      const hrt_dtype t = sig.out[0].dtype;
      const Quantization to(sig, b, 0, t);
      const std::span<const int64_t> dims(sig.out[0].dims);
      const int64_t outer = sdk::element_count(dims.first(at)),
                    inner = sdk::element_count(dims.subspan(at + 1));
      uint8_t* y = b.output<uint8_t>(0);
      for (size_t i = kFirst; i < sig.in.size(); i += kPerTensor) {
        const Quantization from(sig, b, i + 1, t);
        const Table table = table_of(from, to, [](double v) { return v; });
        const int64_t n = sig.in[i].dims[at] * inner;
        const uint8_t* const x = b.input<uint8_t>(i);
        parallel(outer, double(n) * (from == to ? 0.05 : 0.5), [&](int64_t begin, int64_t end) {
          for (int64_t o = begin; o < end; ++o) {
            if (from == to)
              std::memcpy(y + o * dims[at] * inner, x + o * n, size_t(n));
            else
              look_up(table, x + o * n, y + o * dims[at] * inner, n);
          }
        });
        y += n;
      }
    }};
  };
  return c;
}

// The sum of n bytes as numbers.
int64_t sum_of(const uint8_t* x, int64_t n, bool is_signed) {
  const hn::ScalableTag<uint8_t> wide;
  const hn::ScalableTag<uint64_t> u64;
  constexpr int64_t kBytes = int64_t(HWY_LANES(uint8_t));
  const auto flip = hn::Set(wide, is_signed ? 0x80 : 0);
  auto sums = hn::Zero(u64);
  int64_t i = 0;
  for (; i + kBytes <= n; i += kBytes)
    sums = hn::Add(sums, hn::SumsOf8(hn::Xor(hn::LoadU(wide, x + i), flip)));
  auto sum = int64_t(hn::GetLane(hn::SumOfLanes(u64, sums)));
  if (is_signed) sum -= 128 * i;
  for (; i < n; ++i) sum += is_signed ? int64_t(int8_t(x[i])) : int64_t(x[i]);
  return sum;
}

std::string pool_refusal(const Node& node) {
  if (node.i("channels_last") != 0) return "channels last";
  if (std::string reason = window_refusal(node); !reason.empty()) return reason;
  return check_scalars(node, {1, 2, 3, 4});
}

Compiled compile_global_average(const Node&) {
  Compiled c;
  c.prepare = [](const Signature& sig) -> Step {
    return {[sig](const Buffers& b) {
      const hrt_dtype t = sig.in[0].dtype;
      const Quantization from(sig, b, 1, t), to(sig, b, 3, t);
      const Dims& dims = sig.in[0].dims;
      const int64_t plane = sdk::element_count(std::span(dims).subspan(2));
      parallel(dims[0] * dims[1], double(plane) * 0.05 + 5, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          const double sum = double(sum_of(b.input<uint8_t>(0) + p * plane, plane, from.is_signed));
          const double mean = plane ? (sum / double(plane) - from.zero) * from.scale : 0;
          b.output<uint8_t>(0)[p] = to.quantize(mean);
        }
      });
    }};
  };
  return c;
}

Compiled compile_average(const Node& node) {
  Compiled c;
  c.prepare = [attrs = WindowAttrs(node),
               counted = node.i("count_include_pad") != 0](const Signature& sig) -> Step {
    const std::span<const int64_t> xd(sig.in[0].dims), yd(sig.out[0].dims);
    const Window w = attrs.resolve(xd.subspan(2), yd.subspan(2), attrs.kernel);
    const Dims3 in = spatial3(xd), out = spatial3(yd);
    return {[=](const Buffers& b) {
      const hrt_dtype t = sig.in[0].dtype;
      const Quantization from(sig, b, 1, t), to(sig, b, 3, t);
      parallel(
          sig.in[0].dims[0] * sig.in[0].dims[1], double(volume(out) * volume(w.kernel)),
          [&](int64_t begin, int64_t end) {
            for (int64_t p = begin; p < end; ++p) {
              const uint8_t* const x = b.input<uint8_t>(0) + p * volume(in);
              uint8_t* const y = b.output<uint8_t>(0) + p * volume(out);
              for (int64_t o = 0; o < volume(out); ++o) {
                const Dims3 at = {o / out[2] / out[1] * w.stride[0] - w.begin[0],
                                  o / out[2] % out[1] * w.stride[1] - w.begin[1],
                                  o % out[2] * w.stride[2] - w.begin[2]};
                Dims3 first, last;
                int64_t room = 1;
                for (size_t d = 0; d < 3; ++d) {
                  first[d] = std::max<int64_t>(0, at[d]);
                  last[d] = std::max(first[d], std::min(in[d], at[d] + w.kernel[d]));
                  // With ceil_mode a window may reach past the padding: what is there never counts.
                  room *= std::min(w.kernel[d], in[d] + w.end[d] - at[d]);
                }
                int64_t sum = 0;
                for (int64_t i = first[0]; i < last[0]; ++i)
                  for (int64_t j = first[1]; j < last[1]; ++j)
                    sum += sum_of(x + (i * in[1] + j) * in[2] + first[2], last[2] - first[2], from.is_signed);
                const int64_t inside = (last[0] - first[0]) * (last[1] - first[1]) * (last[2] - first[2]);
                const int64_t count = counted ? room : inside;
                y[o] = to.quantize(
                    count ? (double(sum) - double(inside) * from.zero) * from.scale / double(count) : 0);
              }
            }
          });
    }};
  };
  return c;
}

// Softmax over lines of neighbours: exp is a table of the distance from the largest.
std::string softmax_refusal(const Node& node) {
  const Value x = Graph(node.graph()).value(node.input(0));
  if (!x.ranked()) return "rank of the input is not known";
  const int64_t axis = node.i("axis", -1);
  if (node.i("opset") >= 13 && axis != -1 && axis != x.rank() - 1) return "axis other than the last";
  return check_scalars(node, {1, 2, 3, 4});
}

Compiled compile_softmax(const Node& node) {
  Compiled c;
  c.prepare = [axis = node.i("axis", -1)](const Signature& sig) -> Step {
    const size_t at = size_t(checked_axis(axis, sig.in[0].rank()));
    const int64_t n = sdk::element_count(std::span(sig.in[0].dims).subspan(at));
    return {[=](const Buffers& b) {
      const hrt_dtype t = sig.in[0].dtype;
      const Quantization from(sig, b, 1, t), to(sig, b, 3, t);
      std::array<double, 256> exp;
      for (int i = 0; i < 256; ++i) exp[size_t(i)] = std::exp(-from.scale * i);
      const uint8_t flip = from.is_signed ? 0x80 : 0;
      parallel(n ? sig.in[0].count() / n : 0, double(n) * 6, [&](int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line) {
          const uint8_t* const x = b.input<uint8_t>(0) + line * n;
          uint8_t* const y = b.output<uint8_t>(0) + line * n;
          int most = 0;
          for (int64_t i = 0; i < n; ++i) most = std::max(most, int(x[i] ^ flip));
          double sum = 0;
          for (int64_t i = 0; i < n; ++i) sum += exp[size_t(most - (x[i] ^ flip))];
          for (int64_t i = 0; i < n; ++i) y[i] = to.quantize(exp[size_t(most - (x[i] ^ flip))] / sum);
        }
      });
    }};
  };
  return c;
}

std::string unary_refusal(const Node& node) { return check_scalars(node, {1, 2, 3, 4}); }
std::string binary_refusal(const Node& node) { return check_scalars(node, {1, 2, 4, 5, 6, 7}); }
std::string where_refusal(const Node& node) { return check_scalars(node, {2, 3, 5, 6, 7, 8}); }

constexpr const char* kDomain = "com.microsoft";
constexpr Op kOps[] = {{kDomain, "QLinearAdd", binary_refusal, compile_binary<false>},
                       {kDomain, "QLinearMul", binary_refusal, compile_binary<true>},
                       {kDomain, "QLinearSigmoid", unary_refusal, compile_sigmoid},
                       {kDomain, "QLinearLeakyRelu", unary_refusal, compile_leaky_relu},
                       {kDomain, "QLinearWhere", where_refusal, compile_where},
                       {kDomain, "QLinearConcat", concat_refusal, compile_concat},
                       {kDomain, "QLinearSoftmax", softmax_refusal, compile_softmax},
                       {kDomain, "QLinearGlobalAveragePool", pool_refusal, compile_global_average},
                       {kDomain, "QLinearAveragePool", pool_refusal, compile_average}};

}  // namespace

std::span<const Op> qlinear_ops() { return kOps; }

}  // namespace hrt::cpu
