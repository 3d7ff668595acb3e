// SPDX-License-Identifier: Apache-2.0
// Conv and FusedConv of hrt and com.microsoft: Y = act(conv(X, W) + B + Z), Z and the activation with the
// fused one only. https://onnx.ai/onnx/operators/onnx__Conv.html
#include "backends/cpu/kernels/conv.h"

#include <cstring>
#include <memory>

#include "backends/cpu/packed.h"

namespace hrt::cpu {
namespace {

std::string supports(const Node& node) {
  if (std::string reason = floats_only(node); !reason.empty()) return reason;
  if (std::string reason = epilogue_refusal(node); !reason.empty()) return reason;
  const Graph graph(node.graph());
  const Value w = graph.value(node.input(1));
  if (!w.ranked() || !sdk::all_numbers(w.dims())) return "shape of the weights is not known";
  if (w.rank() != graph.value(node.input(0)).rank()) return "weights of another rank than the input";
  if (node.i("group", 1) < 1 || (w.dims()[0] % node.i("group", 1)) != 0)
    return "output channels do not fit the groups";
  return window_refusal(node);
}

ConvWeights weights_of(const Node& node) {
  const auto dims = Graph(node.graph()).value(node.input(1)).dims();
  return {dims[0], dims[1], node.i("group", 1), spatial3(dims)};
}

bool all_ones(const Dims& d) {
  return std::all_of(d.begin(), d.end(), [](int64_t x) { return x == 1; });
}

// Estimated ns of a 3x3 convolution over this many output pixels, m x m outputs at a time (m = 0:
// directly). Sums, transforms and the stream of weights cost what one core of a Zen 5 server does with
// 512-bit vectors; with shorter ones, sums and transforms cost more, weights do not.
double ns_3x3(int64_t m, const ConvWeights& w, int64_t height, int64_t width) {
  constexpr double kFlopsPerNs = 16 * kLanes, kBytesPerNs = 40, kNsPerTransformed = 1.2 * 16 / kLanes;
  const double channels = double(w.ic()) * double(w.oc);
  if (m == 0) return channels * double(height * width) * 18 / kFlopsPerNs + channels * 36 / kBytesPerNs;
  const double frequencies = double((m + 2) * (m + 2)),
               tiles = double(ceil_div(height, m) * ceil_div(width, m));
  const double blocks = double(ceil_div(w.ic(), kLanes) + w.out_blocks());
  return channels * tiles * frequencies * 2 / kFlopsPerNs + channels * frequencies * 4 / kBytesPerNs +
         tiles * blocks * frequencies * kNsPerTransformed;
}

// 3x3, stride 1: the cheapest of direct and Winograd. Small ones, where nothing is to be gained, stay
// direct, whose results are more exact.
const ConvAlgorithm& choose_3x3(const ConvWeights& w, std::span<const int64_t> out) {
  constexpr double kSmallNs = 10e3;
  const bool known = out.size() == 4 && sdk::is_number(out[2]) && sdk::is_number(out[3]);
  const int64_t height = known ? out[2] : 28, width = known ? out[3] : 28;
  const ConvAlgorithm* best = &kConvDirect;
  double ns = ns_3x3(0, w, height, width);
  if (ns < kSmallNs) return *best;
  for (const auto& [m, algorithm] :
       {std::pair(2, &kConvWinograd2), {4, &kConvWinograd4}, {6, &kConvWinograd6}})
    if (const double t = ns_3x3(m, w, height, width); t < ns) {
      ns = t;
      best = algorithm;
    }
  return *best;
}

const ConvAlgorithm& choose(const Node& node, const ConvWeights& w) {
  const Graph graph(node.graph());
  const Value x = graph.value(node.input(0));
  if (!graph.value(node.input(1)).is_constant()) return kConvDirect;
  if (w.group > 1 && w.group_ic == 1 && w.group == w.oc) return kConvDepthwise;
  if (w.group == 1 && w.ic() < kLanes && (w.ic() <= 4 || x.producer() == HRT_NONE)) return kConvFew;
  const bool plain_3x3 = w.group == 1 && x.rank() == 4 && w.kernel == Dims3{1, 3, 3} &&
                         all_ones(node.ints("strides")) && all_ones(node.ints("dilations"));
  return plain_3x3 ? choose_3x3(w, graph.value(node.output(0)).dims()) : kConvDirect;
}

// Room for what the algorithms want as blocks and the caller has as rows: bias, weights.
struct Conv {
  const ConvAlgorithm* algorithm;
  ConvWeights w;
  WindowAttrs attrs;
  Dims kernel;
  Epilogue epilogue;
  Floats packed;  // weights; NULL: packed at run time
  Floats bias;    // NULL: none, or padded at run time

  size_t bias_floats() const { return size_t(w.out_blocks() * kLanes); }
  Step prepare(const Signature& sig) const;
};

Step Conv::prepare(const Signature& sig) const {
  const auto in = std::span(sig.in[0].dims).subspan(2), out = std::span(sig.out[0].dims).subspan(2);
  require(sig.in[0].dims[1] == w.ic(), "input has ", sig.in[0].dims[1], " channels, the weights are for ",
          w.ic());
  require(!sig.has_in(2) || sig.in[2].count() == w.oc, "bias has ", sig.in[2].dims, " elements for ", w.oc,
          " channels");
  require(!sig.has_in(3) || sig.in[3].dims == sig.out[0].dims, "Z has shape ", sig.in[3].dims);
  const ConvShape shape{sig.in[0].dims[0], spatial3(sig.in[0].dims), spatial3(sig.out[0].dims),
                        attrs.resolve(in, out, kernel)};
  ConvStep conv = algorithm->prepare(w, shape, epilogue);
  const size_t inner = size_t(round_up(int64_t(conv.workspace), 64));
  const size_t weights = packed ? 0 : algorithm->packed_floats(w);
  const size_t biases = !bias && sig.has_in(2) ? bias_floats() : 0;
  Step step;
  step.workspace = inner + (weights + biases) * sizeof(float);
  step.run = [*this, run = std::move(conv.run), inner, weights, biases,
              residual = sig.has_in(3)](const Buffers& b) {
    float* const w_room = reinterpret_cast<float*>(b.workspace + inner);
    float* const bias_room = w_room + weights;
    if (weights) {
      std::memset(w_room, 0, weights * sizeof(float));
      algorithm->pack(w, b.input<float>(1), w_room);
    }
    if (biases) {
      std::memset(bias_room, 0, biases * sizeof(float));
      std::memcpy(bias_room, b.input<float>(2), size_t(w.oc) * sizeof(float));
    }
    run({b.input<float>(0), weights ? w_room : packed.get(), biases ? bias_room : bias.get(),
         residual ? b.input<float>(3) : nullptr, b.output<float>(0), b.workspace});
  };
  return step;
}

Compiled compile(const Node& node) {
  const Graph graph(node.graph());
  const ConvWeights w = weights_of(node);
  const auto dims = graph.value(node.input(1)).dims();
  Conv conv{&choose(node, w),
            w,
            WindowAttrs(node),
            Dims(dims.begin() + 2, dims.end()),
            make_epilogue(node),
            {},
            {}};
  Compiled c;
  c.widens = true;
  if (const auto data = float_constant(graph.value(node.input(1)))) {
    conv.packed = make_floats(conv.algorithm->packed_floats(w));
    conv.algorithm->pack(w, data->data(), conv.packed.get());
    c.packed |= 1u << 1;
  }
  if (node.has_input(2))
    if (const auto data = float_constant(graph.value(node.input(2))); data && data->size() == w.oc) {
      conv.bias = make_floats(conv.bias_floats());
      std::memcpy(conv.bias.get(), data->data(), size_t(w.oc) * sizeof(float));
      c.packed |= 1u << 2;
    }
  c.arrange = [input = conv.algorithm->input](Signature& sig) {
    sig.in[0].layout = input;
    for (size_t i = 1; i < 3 && i < sig.in.size(); ++i) sig.in[i].layout = Layout::kPlain;
    if (sig.has_in(3)) sig.in[3].layout = Layout::kBlocked;
    sig.out[0].layout = Layout::kBlocked;
  };
  c.inplace = 1u << 3;
  c.prepare = [conv = std::move(conv)](const Signature& sig) { return conv.prepare(sig); };
  return c;
}

double flops(const Node& node) {
  const ConvWeights w = weights_of(node);
  return 2.0 * double(w.group_ic * volume(w.kernel));
}

constexpr Op kOps[] = {{"", "Conv", supports, compile, flops},
                       {"hrt", "FusedConv", supports, compile, flops},
                       {"com.microsoft", "FusedConv", supports, compile, flops}};

}  // namespace

std::span<const Op> conv_ops() { return kOps; }

}  // namespace hrt::cpu
