// SPDX-License-Identifier: Apache-2.0
// ConvTranspose by sub-pixels: the outputs o with o = r mod stride see the same taps of the kernel, those
// with t * dilation = o + pad mod stride. So each r is a convolution of stride 1 with these taps, the last
// first, whose outputs lie `stride` apart; it runs on the direct convolution. Nothing is computed or stored
// twice, where a matrix product and a scatter write and read a buffer of kernel / stride times the output.
// Where a group has few output channels, whose blocks would be mostly empty, that product and scatter it is.
// https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
#include <cstring>
#include <numeric>

#include "backends/cpu/kernels/col2im.h"
#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/product.h"
#include "backends/cpu/packed.h"

namespace hrt::cpu {
namespace {

constexpr int64_t kMostPhases = 1024;

// The taps of one dim that meet outputs of one class: (output + pad) mod stride.
struct Taps {
  int64_t first = 0, step = 1, count = 0;
  int64_t last() const { return first + (count - 1) * step; }
};

Taps taps_of(int64_t kernel, int64_t stride, int64_t dilation, int64_t cls) {
  Taps t;
  t.step = stride / std::gcd(stride, dilation);
  while (t.first < std::min(kernel, t.step) && t.first * dilation % stride != cls) ++t.first;
  if (t.first < std::min(kernel, t.step)) t.count = ceil_div(kernel - t.first, t.step);
  return t;
}

// Attributes, brought to three dims.
struct Transposed {
  int64_t ic, oc, group;
  Dims3 kernel, stride = {1, 1, 1}, dilation = {1, 1, 1}, extra = {0, 0, 0}, pad = {0, 0, 0};
  std::string auto_pad;
  bool sized = false;  // output_shape or auto_pad decides the pads

  explicit Transposed(const Node& node);
  int64_t classes() const { return volume(stride); }
  std::array<Taps, 3> taps(int64_t cls) const;
  // The convolution for one class; its kernel has a dim of 0 when no tap meets it.
  ConvWeights weights(int64_t cls) const;
  size_t packed_floats() const;
  void pack(const float* w, float* scratch, float* to) const;  // scratch: scratch_floats()
  bool by_columns() const {
    constexpr int64_t kMostTaps = 256;  // the buffer holds so many values for each input
    return oc / group * 2 <= kLanes && volume(kernel) <= kMostTaps;
  }
  // (group, output channel, tap) rows of input channels: the left operand of the product.
  void pack_rows(const float* w, float* to) const;
  size_t scratch_floats() const { return size_t(ic * (oc / group) * volume(kernel)); }
  Dims3 begin_pads(const Dims3& in, const Dims3& out) const;
  void check(const Signature& sig) const;
};

Dims3 per_dim(const Node& node, const char* name, size_t rank, int64_t otherwise) {
  const Dims v = node.ints(name);
  require(v.empty() || v.size() >= rank, "attribute ", name, " has ", v.size(), " entries for ", rank,
          " dims");
  Dims3 d = {otherwise, otherwise, otherwise};
  for (size_t i = 0; i < rank && !v.empty(); ++i) d[3 - rank + i] = v[i];
  return d;
}

Transposed::Transposed(const Node& node) {
  const auto w = Value(node.graph(), node.input(1)).dims();
  const size_t rank = w.size() - 2;
  group = node.i("group", 1);
  ic = w[0];
  oc = w[1] * group;
  kernel = spatial3(w);
  stride = per_dim(node, "strides", rank, 1);
  dilation = per_dim(node, "dilations", rank, 1);
  extra = per_dim(node, "output_padding", rank, 0);
  pad = per_dim(node, "pads", rank, 0);
  auto_pad = node.s("auto_pad", "NOTSET");
  sized = node.has("output_shape") || auto_pad.starts_with("SAME");
}

std::array<Taps, 3> Transposed::taps(int64_t cls) const {
  std::array<Taps, 3> t;
  for (size_t i = 3; i-- > 0; cls /= stride[i])
    t[i] = taps_of(kernel[i], stride[i], dilation[i], cls % stride[i]);
  return t;
}

ConvWeights Transposed::weights(int64_t cls) const {
  const auto t = taps(cls);
  return {oc, ic / group, group, {t[0].count, t[1].count, t[2].count}};
}

size_t Transposed::packed_floats() const {
  size_t n = 0;
  for (int64_t c = 0; c < classes(); ++c) n += kConvDirect.packed_floats(weights(c));
  return n;
}

void Transposed::pack(const float* w, float* scratch, float* to) const {
  const int64_t group_oc = oc / group, group_ic = ic / group, all = volume(kernel);
  for (int64_t c = 0; c < classes(); ++c) {
    const auto t = taps(c);
    const ConvWeights part = weights(c);
    float* p = scratch;
    for (int64_t o = 0; o < oc; ++o)
      for (int64_t i = 0; i < group_ic; ++i) {
        const float* from = w + ((o / group_oc * group_ic + i) * group_oc + o % group_oc) * all;
        for (int64_t d = 0; d < t[0].count; ++d)
          for (int64_t h = 0; h < t[1].count; ++h)
            for (int64_t v = 0; v < t[2].count; ++v)
              *p++ =
                  from[((t[0].last() - d * t[0].step) * kernel[1] + t[1].last() - h * t[1].step) * kernel[2] +
                       t[2].last() - v * t[2].step];
      }
    kConvDirect.pack(part, scratch, to);
    to += kConvDirect.packed_floats(part);
  }
}

Dims3 Transposed::begin_pads(const Dims3& in, const Dims3& out) const {
  if (!sized) return auto_pad == "VALID" ? Dims3{0, 0, 0} : pad;
  Dims3 begin;
  for (size_t i = 0; i < 3; ++i) {
    const int64_t full = stride[i] * (in[i] - 1) + extra[i] + (kernel[i] - 1) * dilation[i] + 1;
    const int64_t total = std::max<int64_t>(0, full - out[i]);
    begin[i] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
  }
  return begin;
}

void Transposed::check(const Signature& sig) const {
  require(sig.in[0].dims[1] == ic, "input has ", sig.in[0].dims[1], " channels, the weights are for ", ic);
  require(!sig.has_in(2) || sig.in[2].count() == oc, "bias has ", sig.in[2].dims, " elements for ", oc,
          " channels");
}

// The outputs of one class: a convolution, or where no tap meets them the bias alone.
struct Phase {
  ConvScatter to;
  Dims3 out;
  ConvStep conv;  // no run: the bias alone
  size_t packed;  // floats before its weights
};

void fill_bias(const Phase& p, int64_t batch, int64_t blocks, const float* bias, float* y) {
  parallel(batch * blocks, double(volume(p.out)) * 0.5, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Vec v = bias ? hn::LoadU(f32, bias + i % blocks * kLanes) : hn::Zero(f32);
      float* plane = y + i * volume(p.to.dims) * kLanes;
      for (int64_t d = 0; d < p.out[0]; ++d)
        for (int64_t h = 0; h < p.out[1]; ++h)
          for (int64_t w = 0; w < p.out[2]; ++w) hn::StoreU(v, f32, plane + p.to.at(d, h, w) * kLanes);
    }
  });
}

struct Plan {
  int64_t batch, planes, blocks;
  Dims3 in, padded;
  Window border;  // the padding that some phase needs
  std::vector<Phase> phases;

  Plan(const Transposed& t, const Signature& sig);
  size_t padded_floats() const { return padded == in ? 0 : size_t(batch * planes * volume(padded) * kLanes); }
  void run(const float* x, const float* w, const float* bias, float* y, float* room) const;
};

Plan::Plan(const Transposed& t, const Signature& sig) {
  batch = sig.in[0].dims[0];
  planes = ceil_div(t.ic, kLanes);
  blocks = ceil_div(t.oc, kLanes);
  in = spatial3(sig.in[0].dims);
  const Dims3 out = spatial3(sig.out[0].dims), pad = t.begin_pads(in, out);
  std::vector<size_t> packed;
  size_t floats = 0;
  for (int64_t c = 0; c < t.classes(); ++c) {
    packed.push_back(floats);
    floats += kConvDirect.packed_floats(t.weights(c));
  }
  std::vector<ConvShape> shapes;
  for (int64_t r = 0; r < t.classes(); ++r) {
    const Dims3 first = {r / (t.stride[1] * t.stride[2]), r / t.stride[2] % t.stride[1], r % t.stride[2]};
    int64_t cls = 0;
    ConvShape s{batch, in, {}, {}};
    s.to = {out, first, t.stride};
    for (size_t i = 0; i < 3; ++i) {
      cls = cls * t.stride[i] + (first[i] + pad[i]) % t.stride[i];
      s.out[i] = first[i] < out[i] ? ceil_div(out[i] - first[i], t.stride[i]) : 0;
    }
    if (volume(s.out) == 0) continue;
    const auto taps = t.taps(cls);
    s.window.kernel = t.weights(cls).kernel;
    phases.push_back({s.to, s.out, {}, packed[size_t(cls)]});
    for (size_t i = 0; i < 3; ++i) {
      const int64_t n = taps[i].count, dilation = t.dilation[i] / std::gcd(t.stride[i], t.dilation[i]);
      const int64_t base = n ? (first[i] + pad[i] - taps[i].last() * t.dilation[i]) / t.stride[i] : 0;
      s.window.dilation[i] = dilation;
      s.window.begin[i] = -base;
      s.window.end[i] = n ? base + s.out[i] + (n - 1) * dilation - in[i] : 0;
      border.begin[i] = std::max(border.begin[i], s.window.begin[i]);
      border.end[i] = std::max(border.end[i], s.window.end[i]);
    }
    shapes.push_back(s);
  }
  for (size_t i = 0; i < 3; ++i) padded[i] = in[i] + border.begin[i] + border.end[i];
  // Pads and dilations that cancel in the output would ask for any amount of memory.
  constexpr int64_t kMostPadded = 64;  // times input and output; real windows stay below 9
  require(sdk::element_count(padded) / kMostPadded <= volume(in) + volume(out) + 65536, "the window needs ",
          std::span<const int64_t>(padded), " elements of padded input");
  for (size_t p = 0; p < phases.size(); ++p) {
    ConvShape& s = shapes[p];
    if (volume(s.window.kernel) == 0 || volume(in) == 0) continue;
    s.in = padded;
    for (size_t i = 0; i < 3; ++i) {
      s.window.begin[i] -= border.begin[i];
      s.window.end[i] -= border.end[i];
    }
    phases[p].conv =
        kConvDirect.prepare({t.oc, t.ic / t.group, t.group, s.window.kernel}, s, Epilogue::none());
  }
}

void Plan::run(const float* x, const float* w, const float* bias, float* y, float* room) const {
  if (padded_floats()) {
    copy_padded(x, room, batch * planes, in, border, padded, kLanes);
    x = room;
  }
  for (const Phase& p : phases) {
    if (p.conv.run)
      p.conv.run({x, w + p.packed, bias, nullptr, y, nullptr});
    else
      fill_bias(p, batch, blocks, bias, y);
  }
}

// ------------------------------------------------------------------------- a product and a scatter

void Transposed::pack_rows(const float* w, float* to) const {
  const int64_t group_ic = ic / group, rows = oc / group * volume(kernel);
  for (int64_t g = 0; g < group; ++g)
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < group_ic; ++i) *to++ = w[(g * group_ic + i) * rows + r];
}

Step columns_step(const Transposed& t, const Floats& packed, const Signature& sig) {
  const Dims3 in = spatial3(sig.in[0].dims);
  Blocks blocks{{}, spatial3(sig.out[0].dims), in, 0};
  blocks.w.kernel = t.kernel;
  blocks.w.stride = t.stride;
  blocks.w.dilation = t.dilation;
  blocks.w.begin = t.begin_pads(in, blocks.image);
  const int64_t taps = volume(t.kernel), group_oc = t.oc / t.group, group_ic = t.ic / t.group, n = volume(in);
  const Product product{group_oc * taps, n, group_ic, true, {{0, 0}}, {}};
  const size_t x_floats = packed_floats(group_ic, n), y_floats = size_t(round_up(product.m * n, 16));
  Step step;
  step.workspace = (x_floats + y_floats + (packed ? 0 : t.scratch_floats())) * sizeof(float);
  step.run = [=, batch = sig.in[0].dims[0], has_bias = sig.has_in(2)](const Buffers& b) {
    float* const x = reinterpret_cast<float*>(b.workspace);
    float *const columns = x + x_floats, *const rows = columns + y_floats;
    if (!packed) t.pack_rows(b.input<float>(1), rows);
    const float* const w = packed ? packed.get() : rows;
    for (int64_t z = 0; z < batch * t.group; ++z) {
      const int64_t g = z % t.group;
      pack_matrices(b.input<float>(0) + z * group_ic * n, {n, 1}, 1, group_ic, n, 1, x);
      multiply(product, {w + g * product.m * group_ic, x, nullptr, nullptr, false, columns});
      parallel(group_oc, double(taps * n) * 0.5, [&](int64_t begin, int64_t end) {
        for (int64_t m = begin; m < end; ++m)
          add_plane(blocks, columns + m * taps * n,
                    b.output<float>(0) + (z * group_oc + m) * volume(blocks.image),
                    has_bias ? b.input<float>(2)[g * group_oc + m] : 0.0f);
      });
    }
  };
  return step;
}

Compiled compile_columns(const Node& node, const Transposed& t) {
  Compiled c;
  c.widens = true;
  Floats packed;
  if (const auto w = float_constant(Graph(node.graph()).value(node.input(1)))) {
    packed = make_floats(t.scratch_floats());
    t.pack_rows(w->data(), packed.get());
    c.packed |= 1u << 1;
  }
  c.prepare = [t, packed](const Signature& sig) {
    t.check(sig);
    return columns_step(t, packed, sig);
  };
  return c;
}

// --------------------------------------------------------------------------------------------- the row

std::string supports(const Node& node) {
  if (std::string reason = floats_only(node); !reason.empty()) return reason;
  const Graph graph(node.graph());
  const Value w = graph.value(node.input(1));
  if (!w.ranked() || !sdk::all_numbers(w.dims())) return "shape of the weights is not known";
  if (w.rank() != graph.value(node.input(0)).rank()) return "weights of another rank than the input";
  const int64_t group = node.i("group", 1);
  if (group < 1 || w.dims()[0] % group != 0) return "input channels do not fit the groups";
  int64_t phases = 1;
  for (const char* name : {"strides", "dilations"})
    for (const int64_t v : node.ints(name))
      if (v < 1 || v > INT32_MAX) return sdk::cat(name, " of ", v);
  for (const int64_t s : node.ints("strides")) {
    phases *= std::min(s, kMostPhases + 1);
    if (phases > kMostPhases) return "very large strides";
  }
  return window_refusal(node);
}

// The bias as whole vectors.
void pad_bias(const float* from, int64_t n, float* to) {
  std::memset(to, 0, size_t(round_up(n, kLanes)) * sizeof(float));
  std::memcpy(to, from, size_t(n) * sizeof(float));
}

Compiled compile(const Node& node) {
  const Graph graph(node.graph());
  const Transposed t(node);
  if (t.by_columns()) return compile_columns(node, t);
  Compiled c;
  c.widens = true;
  Floats packed, bias;
  if (const auto w = float_constant(graph.value(node.input(1)))) {
    packed = make_floats(t.packed_floats());
    std::vector<float> scratch(t.scratch_floats());
    t.pack(w->data(), scratch.data(), packed.get());
    c.packed |= 1u << 1;
  }
  if (const auto b = node.has_input(2) ? float_constant(graph.value(node.input(2))) : std::nullopt;
      b && b->size() == t.oc) {
    bias = make_floats(size_t(round_up(t.oc, kLanes)));
    pad_bias(b->data(), t.oc, bias.get());
    c.packed |= 1u << 2;
  }
  c.arrange = [](Signature& sig) {
    for (Operand& o : sig.in) o.layout = Layout::kPlain;
    sig.in[0].layout = Layout::kBlocked;
    sig.out[0].layout = Layout::kBlocked;
  };
  c.prepare = [t, packed, bias](const Signature& sig) -> Step {
    t.check(sig);
    Plan plan(t, sig);
    size_t floats = 0;
    const auto room = [&](bool needed, size_t n) {
      const size_t at = floats;
      if (needed) floats += size_t(round_up(int64_t(n), 16));
      return at;
    };
    const bool pads = sig.has_in(2) && !bias;
    const size_t x_at = room(true, plan.padded_floats()),
                 bias_at = room(pads, size_t(round_up(t.oc, kLanes)));
    const size_t w_at = room(!packed, t.packed_floats()), scratch_at = room(!packed, t.scratch_floats());
    Step step;
    step.workspace = floats * sizeof(float);
    step.run = [=, plan = std::move(plan)](const Buffers& b) {
      float* const ws = reinterpret_cast<float*>(b.workspace);
      if (!packed) {
        std::memset(ws + w_at, 0, t.packed_floats() * sizeof(float));
        t.pack(b.input<float>(1), ws + scratch_at, ws + w_at);
      }
      if (pads) pad_bias(b.input<float>(2), t.oc, ws + bias_at);
      plan.run(b.input<float>(0), packed ? packed.get() : ws + w_at, pads ? ws + bias_at : bias.get(),
               b.output<float>(0), ws + x_at);
    };
    return step;
  };
  return c;
}

double flops(const Node& node) {
  const Transposed t(node);
  return 2.0 * double(t.ic) / double(t.group) * double(volume(t.kernel)) / double(t.classes());
}

constexpr Op kOps[] = {{"", "ConvTranspose", supports, compile, flops}};

}  // namespace

std::span<const Op> conv_transpose_ops() { return kOps; }

}  // namespace hrt::cpu
