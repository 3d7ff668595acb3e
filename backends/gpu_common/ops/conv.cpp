// SPDX-License-Identifier: Apache-2.0
// Conv and FusedConv of hrt and com.microsoft: y = act(conv(x, w) + bias + residual), and ConvTranspose.
// https://onnx.ai/onnx/operators/onnx__Conv.html, onnx__ConvTranspose.html
#include <algorithm>

#include "backends/gpu_common/ops/product.h"
#include "backends/gpu_common/ops/turns.h"
#include "backends/gpu_common/ops/window.h"
#include "backends/gpu_common/ops/winograd.h"

namespace hrt::gpu {
namespace {

// What a node says, apart from the shape of its input.
struct Conv {
  int64_t oc, group_ic, group;
  Dims3 kernel;
  WindowAttrs attrs;
  Epilogue e;
  std::optional<size_t> panels;    // weights for products
  std::optional<size_t> winograd;  // weights, transformed
  bool tiles_left = false;         // of winograd
  bool constant = false;           // weights are, in a buffer of their own

  explicit Conv(const Node& node) : group(node.i("group", 1)), attrs(node), e(make_epilogue(node)) {
    const auto w = Graph(node.graph()).value(node.input(1)).dims();
    oc = w[0];
    group_ic = w[1];
    kernel = spatial3(w);
  }
  int64_t group_oc() const { return oc / group; }
  int64_t depth() const { return group_ic * volume(kernel); }
  bool depthwise() const {
    constexpr int64_t kMostTaps = 25;  // all are unrolled
    return group_ic == 1 && group == oc && group > 1 && kernel[0] == 1 && volume(kernel) <= kMostTaps;
  }
  int panel_rows(const Caps& caps) const { return gpu::panel_rows(caps, group_oc()); }
  void emit(Emit& emit) const;
};

struct Shape {
  int64_t images;
  Dims3 in, out;
  Window window;

  Shape(Emit& emit, const Conv& conv)
      : images(emit.in()[0].dims[0]),
        in(spatial3(emit.in()[0].dims)),
        out(spatial3(emit.out()[0].dims)),
        window(conv.attrs.resolve(in, out, conv.kernel)) {}
};

void push(Call& call, std::span<const int64_t> values) {
  for (const int64_t v : values) call.push.push_back(push_int(v));
}
void push(Call& call, std::initializer_list<int64_t> values) {
  push(call, std::span(values.begin(), values.size()));
}
void push(Call& call, const Epilogue& e) {
  call.push.push_back(push_float(e.a));
  call.push.push_back(push_float(e.b));
}

Ref bias_or(Emit& emit, Ref other) { return emit.has_in(2) ? emit.in_ref(2) : other; }
Ref residual_or(Emit& emit, Ref other) { return emit.has_in(3) ? emit.in_ref(3) : other; }

void bind(Emit& emit, Call& call) {
  const Ref x = emit.in_ref(0);
  call.variant = type_variant(emit.out()[0].dtype);
  call.buffers = {x, emit.in_ref(1), bias_or(emit, x), residual_or(emit, x), emit.out_ref(0)};
  call.writes = 16;
}

Call general_call(Emit& emit, const Conv& conv, const Shape& s, const char* kernel) {
  Call call;
  call.kernel = kernel;
  push(call, {conv.group, conv.group_ic, conv.group_oc()});
  for (const Dims3& d : {s.in, s.out, s.window.kernel, s.window.stride, s.window.dilation, s.window.pad})
    push(call, d);
  push(call, conv.e);
  bind(emit, call);
  return call;
}

void emit_direct(Emit& emit, const Conv& conv, const Shape& s, int channels) {
  const Dims3& k = conv.kernel;
  require_turns(emit.caps(), conv.group_ic * (1 + k[0] * (1 + k[1] * (1 + k[2]))));
  Call call = general_call(emit, conv, s, "conv_direct");
  call.constants = {channels, conv.e.act, emit.has_in(2), emit.has_in(3)};
  call.threads = {volume(s.out), ceil_div(conv.group_oc(), channels), s.images * conv.group};
  emit.dispatch(std::move(call));
}

void emit_tiles(Emit& emit, const Conv& conv, const Shape& s, int side) {
  push_int(sdk::element_count(Dims{conv.oc, conv.depth()}));
  Call call = general_call(emit, conv, s, "conv_tile");
  call.constants = {side, side, conv.e.act, emit.has_in(2), emit.has_in(3)};
  set_tiles(call, side, conv.group_oc(), volume(s.out), s.images * conv.group);
  emit.dispatch(std::move(call));
}

void emit_image(Emit& emit, const Conv& conv, const Shape& s, int channels) {
  Call call = general_call(emit, conv, s, "conv_image");
  call.constants = {channels, conv.e.act, emit.has_in(2), emit.has_in(3)};
  set_image_tiles(call, channels, conv.group_oc(), volume(s.out), s.images * conv.group);
  emit.dispatch(std::move(call));
}

// Whether texels hold the weights of a channel.
bool image_takes(const Conv& conv, const Caps& caps) {
  return !caps.is_cpu && conv.constant && conv.depth() % kTexel == 0 &&
         image_fits(caps, conv.oc * conv.depth());
}

// By kernels on weights as they are. Without tuning the first is taken.
void emit_general(Emit& emit, const Conv& conv, const Shape& s) {
  const Caps& caps = emit.caps();
  std::vector<Emit::Way> ways;
  constexpr int64_t kFewChannels = 16;
  if (!caps.is_cpu && conv.group_oc() >= kFewChannels)
    for (const int side : {64, 32})
      if (tiles_fit(caps, side))
        ways.emplace_back([&conv, &s, side](Emit& e) { emit_tiles(e, conv, s, side); });
  for (const int channels : {8, 4, 1})
    if (channels == 1 || conv.group_oc() >= channels)
      ways.emplace_back([&conv, &s, channels](Emit& e) { emit_direct(e, conv, s, channels); });
  if (image_takes(conv, caps))
    for (const int channels : image_tile_rows(conv.group_oc()))
      ways.emplace_back([&conv, &s, channels](Emit& e) { emit_image(e, conv, s, channels); });
  const Dims taps(conv.kernel.begin(), conv.kernel.end());
  const Dims strides(s.window.stride.begin(), s.window.stride.end());
  emit.fastest(sdk::cat(emit.in()[0].dims, " to ", emit.out()[0].dims, " ", dtype_name(emit.out()[0].dtype),
                        " by ", taps, "/", strides, " of ", conv.group),
               ways);
}

void emit_depthwise(Emit& emit, const Conv& conv, const Shape& s, int tile_h, int tile_w) {
  const Window& w = s.window;
  const int64_t tiles_h = ceil_div(s.out[1], tile_h), tiles_w = ceil_div(s.out[2], tile_w);
  const int64_t n = sdk::element_count(Dims{s.images, conv.oc, tiles_h, tiles_w});
  Call call;
  call.kernel = "conv_depthwise";
  call.constants = {int32_t(w.kernel[1]),
                    int32_t(w.kernel[2]),
                    int32_t(push_int(w.stride[1])),
                    int32_t(push_int(w.stride[2])),
                    tile_h,
                    tile_w,
                    conv.e.act,
                    emit.has_in(2),
                    emit.has_in(3)};
  push(call, {n, tiles_h, tiles_w, conv.oc, s.in[1], s.in[2], s.out[1], s.out[2], w.pad[1], w.pad[2]});
  push(call, conv.e);
  bind(emit, call);
  call.threads = {n, 1, 1};
  call.linear = true;
  emit.dispatch(std::move(call));
}

// Tiles that overlap little and still leave work for all units.
void emit_depthwise_tiled(Emit& emit, const Conv& conv, const Shape& s) {
  const auto tiles = [&](int h, int w) {
    return Emit::Way([&conv, &s, h, w](Emit& e) { emit_depthwise(e, conv, s, h, w); });
  };
  const bool strided = s.window.stride[1] > 1 || s.window.stride[2] > 1;
  const bool large = s.window.stride[1] > 2 || s.window.stride[2] > 2;  // windows do not overlap
  if (large) return emit_depthwise(emit, conv, s, 1, 1);
  const Emit::Way small = tiles(1, 1), rows = tiles(2, 2), square = tiles(4, 4), wide = tiles(4, 8);
  const bool cpu = emit.caps().is_cpu;
  const std::array ways = strided ? std::array{cpu ? rows : small, cpu ? small : rows, rows}
                                  : std::array{cpu ? square : rows, cpu ? rows : small, cpu ? wide : small};
  emit.fastest(sdk::cat(emit.out()[0].dims, " ", dtype_name(emit.out()[0].dtype), " ", conv.kernel[1], "x",
                        conv.kernel[2], "/", s.window.stride[1]),
               ways);
}

Ref emit_im2col(Emit& emit, const Conv& conv, const Shape& s) {
  const int64_t pixels = volume(s.out), vectors = ceil_div(panel_columns(emit.caps(), pixels), 4);
  const int64_t n =
      sdk::element_count(Dims{s.images, conv.group * conv.group_ic, volume(conv.kernel), vectors});
  push_int(n * 4);
  const Ref columns = emit.scratch(uint64_t(n) * 16);
  Call call;
  call.kernel = "im2col";
  call.variant = type_variant(emit.in()[0].dtype);
  push(call, {n, vectors, pixels, s.out[1], s.out[2]});
  for (const Dims3& d : {s.in, s.window.kernel, s.window.stride, s.window.dilation, s.window.pad})
    push(call, d);
  call.buffers = {emit.in_ref(0), columns};
  call.writes = 2;
  call.threads = {n, 1, 1};
  call.linear = true;
  emit.dispatch(std::move(call));
  return columns;
}

void emit_as_product(Emit& emit, const Conv& conv, const Shape& s) {
  Product p;
  p.dtype = emit.out()[0].dtype;
  p.m = conv.group_oc();
  p.n = volume(s.out);
  p.k = conv.depth();
  p.dims = {1, s.images, conv.group};
  p.packed_a = emit.weight(*conv.panels);
  p.rows_packed = conv.panel_rows(emit.caps());
  p.a.batch = {0, 0, 1};
  const bool as_it_is =
      s.window.pointwise(s.in, s.out) && panel_takes(emit.caps(), p.n) && emit.in()[0].dtype == HRT_FLOAT32;
  p.columns_packed = as_it_is ? p.n : round_up(panel_columns(emit.caps(), p.n), 4);
  p.packed_b = as_it_is ? emit.in_ref(0) : emit_im2col(emit, conv, s);
  p.b.batch = {0, conv.group, 1};
  if (emit.has_in(2)) p.c = Strided{emit.in_ref(2), 1, 0, {0, 0, conv.group_oc()}};
  if (emit.has_in(3)) p.residual = emit.in_ref(3);
  p.e = conv.e;
  p.y = emit.out_ref(0);
  emit_panels(emit, p);
}

void Conv::emit(Emit& emit) const {
  const auto &in = emit.in(), &out = emit.out();
  require(in[0].dims[1] == group_ic * group, "input has ", in[0].dims[1], " channels, the weights are for ",
          group_ic * group);
  if (emit.has_in(2))
    require(in[2].count() == oc, "bias has ", in[2].count(), " elements for ", oc, " channels");
  require(!emit.has_in(3) || in[3].dims == out[0].dims, "Z has another shape than the output");
  for (const size_t i : {size_t(0), size_t(1)}) push_int(in[i].count());
  push_int(out[0].count());
  const Shape s(emit, *this);
  if (winograd)
    return emit_winograd(emit, {oc, group_ic, s.images, s.in, s.out, s.window.pad, *winograd, tiles_left, e});
  if (depthwise() && s.window.dense() && s.window.pad[0] == 0 && s.in[0] == 1)
    return emit_depthwise_tiled(emit, *this, s);
  if (panels) return emit_as_product(emit, *this, s);
  emit_general(emit, *this, s);
}

std::string supports(const Node& node, const Caps& caps) {
  if (std::string reason = floats_only(node, caps); !reason.empty()) return reason;
  if (std::string reason = epilogue_refusal(node); !reason.empty()) return reason;
  if (std::string reason = window_refusal(node); !reason.empty()) return reason;
  const int64_t group = node.i("group", 1);
  if (group < 1 || Graph(node.graph()).value(node.input(1)).dims()[0] % group != 0)
    return "output channels do not fit the groups";
  return "";
}

bool all_ones(const Dims& d) {
  return std::ranges::all_of(d, [](int64_t x) { return x == 1; });
}

// Where the output has at least so many pixels, its 4x4 tiles fill the vectors of the product.
bool wants_winograd(const Node& node, const Conv& conv) {
  constexpr int64_t kLeastPixels = 14 * 14, kLeastChannels = 16;
  const auto out = Graph(node.graph()).value(node.output(0)).dims();
  return conv.group == 1 && conv.kernel == Dims3{1, 3, 3} && out.size() == 4 && sdk::is_number(out[2]) &&
         sdk::is_number(out[3]) && out[2] * out[3] >= kLeastPixels && conv.oc >= kLeastChannels &&
         conv.group_ic >= kLeastChannels && all_ones(node.ints("strides")) &&
         all_ones(node.ints("dilations"));
}

Compiled compile(const Node& node, Uploads& uploads) {
  Conv conv(node);
  const auto data = Graph(node.graph()).value(node.input(1)).constant();
  Compiled c;
  c.inplace = 1u << 3;
  const bool windowed = conv.depthwise() && all_ones(node.ints("dilations"));
  conv.constant = data.has_value();
  if (data && data->size() > 0 && has_panels(uploads.caps()) && !windowed) {
    c.packed |= 1u << 1;
    if (wants_winograd(node, conv)) {
      const auto out = Graph(node.graph()).value(node.output(0)).dims();
      conv.tiles_left =
          wants_tiles_left(uploads.caps(), ceil_div(out[2], 4) * ceil_div(out[3], 4), conv.group_ic);
      conv.winograd = upload_winograd(uploads, *data, conv.tiles_left);
    } else {
      const std::vector<float> packed =
          pack_panels({data->raw(), data->dtype(), conv.group, conv.group_oc(), conv.depth(),
                       conv.group_oc() * conv.depth(), conv.depth(), 1},
                      conv.panel_rows(uploads.caps()));
      conv.panels = uploads.weight(packed.data(), packed.size() * sizeof(float));
    }
  }
  c.emit = [conv](Emit& emit) { conv.emit(emit); };
  return c;
}

double flops(const Node& node) {
  const Conv conv(node);
  return 2.0 * double(conv.depth());
}

// ---------------------------------------------------------------------------------- ConvTranspose

std::string transposed_supports(const Node& node, const Caps& caps) {
  if (std::string reason = floats_only(node, caps); !reason.empty()) return reason;
  if (std::string reason = window_refusal(node); !reason.empty()) return reason;
  const int64_t group = node.i("group", 1);
  if (group < 1 || Graph(node.graph()).value(node.input(1)).dims()[0] % group != 0)
    return "input channels do not fit the groups";
  return "";
}

Compiled compile_transposed(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [attrs = WindowAttrs(node), group = node.i("group", 1)](Emit& emit) {
    const auto &x = emit.in()[0], &w = emit.in()[1], &y = emit.out()[0];
    require(x.dims[1] == w.dims[0] && y.dims[1] == w.dims[1] * group, "weights of shape ", w.dims, " for ",
            x.dims, " and ", y.dims);
    require(!emit.has_in(2) || emit.in()[2].count() == y.dims[1], "bias has another size than the output");
    for (const Operand* o : {&x, &w, &y}) push_int(o->count());
    const Dims3 in = spatial3(x.dims), out = spatial3(y.dims);
    const Window window = attrs.resolve_transposed(in, out, spatial3(w.dims));
    Call call;
    call.kernel = "conv_transposed";
    call.variant = type_variant(y.dtype);
    call.constants = {emit.has_in(2)};
    push(call, {y.count(), group, x.dims[1] / group, w.dims[1]});
    for (const Dims3& d : {in, out, window.kernel, window.stride, window.dilation, window.pad}) push(call, d);
    const Ref x_ref = emit.in_ref(0);
    call.buffers = {x_ref, emit.in_ref(1), bias_or(emit, x_ref), emit.out_ref(0)};
    call.writes = 8;
    call.threads = {y.count(), 1, 1};
    call.linear = true;
    emit.dispatch(std::move(call));
  };
  return c;
}

double transposed_flops(const Node& node) {
  const auto w = Graph(node.graph()).value(node.input(1)).dims();
  const int64_t channels = w[0] / std::max<int64_t>(1, node.i("group", 1));
  return 2.0 * double(channels * volume(spatial3(w)));
}

constexpr Op kOps[] = {{"", "Conv", supports, compile, flops},
                       {"hrt", "FusedConv", supports, compile, flops},
                       {"com.microsoft", "FusedConv", supports, compile, flops},
                       {"", "ConvTranspose", transposed_supports, compile_transposed, transposed_flops}};

}  // namespace

std::span<const Op> conv_ops() { return kOps; }

}  // namespace hrt::gpu
