// SPDX-License-Identifier: Apache-2.0
// ConvInteger and QLinearConv: convolutions of 8-bit integers, as products over qim2col.comp.
// https://onnx.ai/onnx/operators/onnx__QLinearConv.html
#include "backends/gpu_common/ops/qproduct.h"
#include "backends/gpu_common/ops/quantize.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/window.h"

namespace hrt::gpu {
namespace {

// Where the inputs of an operator are; SIZE_MAX: it has no such input.
struct Inputs {
  size_t x_zero, w, w_zero, x_scale, w_scale, y_scale, y_zero, bias;
};
constexpr size_t kAbsent = SIZE_MAX;
constexpr Inputs kInteger{2, 1, 3, kAbsent, kAbsent, kAbsent, kAbsent, kAbsent};
constexpr Inputs kQLinear{2, 3, 5, 1, 4, 6, 7, 8};

const Inputs& inputs_of(const Node& node) { return node.op() == "ConvInteger" ? kInteger : kQLinear; }

std::string supports(const Node& node, const Caps& caps) {
  const Inputs& in = inputs_of(node);
  const std::array<size_t, 5> bytes{0, in.x_zero, in.w, in.w_zero, in.y_zero == kAbsent ? 0 : in.y_zero};
  if (std::string reason = bytes_only(node, caps, bytes); !reason.empty()) return reason;
  if (std::string reason = window_refusal(node, in.w); !reason.empty()) return reason;
  const int64_t group = node.i("group", 1);
  if (group < 1 || Graph(node.graph()).value(node.input(in.w)).dims()[0] % group != 0)
    return "output channels do not fit the groups";
  return "";
}

struct Conv {
  Inputs in;
  WindowAttrs attrs;
  int64_t group;
  bool direct;                   // by qconv_direct.comp
  std::optional<size_t> weight;  // packed
};

void push(Call& call, std::span<const int64_t> values) {
  for (const int64_t v : values) call.push.push_back(push_int(v));
}
void push(Call& call, std::initializer_list<int64_t> values) {
  push(call, std::span(values.begin(), values.size()));
}

// The input of the product: a matrix for each image and group.
Ref columns(Emit& emit, const Conv& conv, const Window& window, int64_t channels) {
  const Operand &x = emit.in()[0], &y = emit.out()[0];
  const Dims3 in = spatial3(x.dims), out = spatial3(y.dims);
  const int64_t pixels = volume(out), depth = channels * volume(window.kernel);
  const int64_t vectors = ceil_div(pixels, 4), fours = ceil_div(depth, 4);
  const int64_t n = sdk::element_count(Dims{x.dims[0], conv.group, fours, vectors});
  push_int(n * 4);
  push_int(x.count());
  Call call = element_call("qim2col", "", n);
  call.constants = {emit.has_in(conv.in.x_zero)};
  push(call, {n, vectors, depth, channels, pixels, out[1], out[2]});
  for (const Dims3& d : {in, window.kernel, window.stride, window.dilation, window.pad}) push(call, d);
  push(call, {flip_of(x.dtype), fours});
  const Ref to = emit.scratch(uint64_t(n) * 16);
  call.buffers = {emit.in_ref(0), emit.has_in(conv.in.x_zero) ? emit.in_ref(conv.in.x_zero) : emit.in_ref(0),
                  to};
  call.writes = 4;
  emit.dispatch(std::move(call));
  return to;
}

// Window by window: products of so few rows are mostly padding.
void emit_direct(Emit& emit, const Conv& conv, const Window& window) {
  constexpr int64_t kTile = 4;
  const Inputs& in = conv.in;
  const Operand &x = emit.in()[0], &w = emit.in()[in.w], &y = emit.out()[0];
  const Dims3 from = spatial3(x.dims), to = spatial3(y.dims);
  const int64_t channels = w.dims[0], tiles = ceil_div(to[2], kTile);
  const int64_t n = sdk::element_count(Dims{x.dims[0], channels, to[0], to[1], tiles});
  push_int(n * kTile);
  push_int(x.count());
  const bool quantised = in.x_scale != kAbsent;
  const PerLine w_zero = per_line(emit, in.w_zero, channels, channels, "w_zero_point"),
                x_zero = per_line(emit, in.x_zero, 1, 1, "x_zero_point");
  PerLine w_scale, x_scale;
  if (quantised) {
    w_scale = scales_per_line(emit, in.w_scale, channels, channels, "w_scale");
    x_scale.ref = number_in(emit, in.x_scale, "x_scale");
  }
  const Ref unused = emit.in_ref(0);
  const auto bound = [&](Ref ref) { return ref != HRT_NONE ? ref : unused; };
  const auto input = [&](size_t i) { return i != kAbsent && emit.has_in(i) ? emit.in_ref(i) : unused; };
  Call call = element_call("qconv_direct", quantised ? "u8" : "i32", n);
  call.constants = {int32_t(window.kernel[2]),
                    int32_t(window.stride[2]),
                    zero_kind(x.dtype, x_zero.ref != HRT_NONE),
                    quantised && emit.has_in(in.bias),
                    y_zero_kind(y.dtype, true),
                    zero_kind(w.dtype, w_zero.ref != HRT_NONE)};
  push(call, {n, tiles, w.dims[1], channels / conv.group, channels});
  push(call, from);
  push(call, to);
  push(call, {window.kernel[0], window.kernel[1], window.stride[0], window.stride[1], window.dilation[0],
              window.dilation[1]});
  push(call, window.pad);
  push(call, {flip_of(x.dtype), flip_of(w.dtype), w_zero.line, w_scale.line});
  call.buffers = {unused,
                  emit.in_ref(in.w),
                  bound(x_zero.ref),
                  bound(w_zero.ref),
                  bound(x_scale.ref),
                  bound(w_scale.ref),
                  input(in.bias),
                  quantised ? number_in(emit, in.y_scale, "y_scale") : unused,
                  input(in.y_zero),
                  emit.out_ref(0)};
  call.writes = 1u << 9;
  emit.dispatch(std::move(call));
}

// Where groups have few channels and short windows that lie close together.
bool wants_direct(const Node& node, size_t weights) {
  constexpr int64_t kMostDepth = 64, kMostRows = 4, kMostWidth = 8;
  const auto w = Graph(node.graph()).value(node.input(weights)).dims();
  const int64_t group = node.i("group", 1), depth = w[1] * volume(spatial3(w));
  const Dims strides = node.ints("strides"), dilations = node.ints("dilations");
  return group > 1 && w[0] / group <= kMostRows && depth <= kMostDepth && w.back() <= kMostWidth &&
         (strides.empty() || strides.back() <= 2) && (dilations.empty() || dilations.back() == 1);
}

void emit_conv(Emit& emit, const Conv& conv) {
  const Inputs& in = conv.in;
  const Operand &x = emit.in()[0], &w = emit.in()[in.w], &y = emit.out()[0];
  require(x.dims[1] == w.dims[1] * conv.group, "input has ", x.dims[1], " channels, the weights are for ",
          w.dims[1] * conv.group);
  if (y.count() == 0) return;
  const int64_t oc = w.dims[0], depth = w.count() / oc;
  const Window window = conv.attrs.resolve(spatial3(x.dims), spatial3(y.dims), spatial3(w.dims));
  if (in.y_zero != kAbsent) require(emit.in()[in.y_zero].count() == 1, "y_zero_point is not one number");
  if (in.bias != kAbsent && emit.has_in(in.bias))
    require(emit.in()[in.bias].count() == oc, "B must have ", oc, " elements");
  if (conv.direct) return emit_direct(emit, conv, window);
  QProduct p{
      .m = oc / conv.group, .n = volume(spatial3(y.dims)), .k = depth, .dims = {1, x.dims[0], conv.group}};
  p.a = {.bytes = {0, depth, 1, {0, 0, p.m * depth}}, .dtype = w.dtype};
  if (conv.weight) {
    p.a.packed = emit.weight(*conv.weight);
    p.a.bytes.batch = {0, 0, 1};
  } else {
    p.a.bytes.ref = emit.in_ref(in.w);
  }
  p.b = {.bytes = {0, 0, 0, {0, conv.group, 1}}, .dtype = x.dtype};
  p.b.packed = columns(emit, conv, window, w.dims[1]);
  p.a.zero = per_line(emit, in.w_zero, p.m, oc, "w_zero_point");
  p.b.zero = per_line(emit, in.x_zero, 1, 1, "x_zero_point");
  if (in.x_scale != kAbsent) {
    p.a.scale = scales_per_line(emit, in.w_scale, p.m, oc, "w_scale");
    p.b.scale = {number_in(emit, in.x_scale, "x_scale"), 0, 0};
    p.y_scale = number_in(emit, in.y_scale, "y_scale");
    p.y_zero = emit.in_ref(in.y_zero);
    if (emit.has_in(in.bias)) p.bias = {emit.in_ref(in.bias), false, 1, 0};
  }
  p.y = emit.out_ref(0);
  p.dtype = y.dtype;
  emit_qproduct(emit, p);
}

Compiled compile(const Node& node, Uploads& uploads) {
  const Inputs& in = inputs_of(node);
  Conv conv{in, WindowAttrs(node), node.i("group", 1), wants_direct(node, in.w), std::nullopt};
  Compiled c;
  const auto w = Graph(node.graph()).value(node.input(in.w)).constant();
  if (w && w->size() > 0 && !conv.direct) {
    const int64_t oc = w->dims()[0];
    const std::vector<uint32_t> packed =
        pack_bytes(w->raw(), w->dtype(), conv.group, oc / conv.group, int64_t(w->size()) / oc);
    conv.weight = uploads.weight(packed.data(), packed.size() * sizeof(uint32_t));
    c.packed = 1u << conv.in.w;
  }
  c.emit = [conv](Emit& emit) { emit_conv(emit, conv); };
  return c;
}

double flops(const Node& node) {
  const auto w = Graph(node.graph()).value(node.input(inputs_of(node).w)).dims();
  return 2.0 * double(w[1] * volume(spatial3(w)));
}

constexpr Op kOps[] = {{"", "ConvInteger", supports, compile, flops},
                       {"", "QLinearConv", supports, compile, flops}};

}  // namespace

std::span<const Op> qconv_ops() { return kOps; }

}  // namespace hrt::gpu
