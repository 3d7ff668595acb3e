// SPDX-License-Identifier: Apache-2.0
// DeformConv in two dims: the values that the displaced kernel elements see, by linear interpolation, go into
// the packed right operand of a matrix product (product.h), a panel of output positions at a time. What a
// kernel element sees at a position (four neighbours and their weights, the mask included) is found once for
// all channels of an offset group.
// https://onnx.ai/onnx/operators/onnx__DeformConv.html
#include <cmath>
#include <cstring>

#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/product.h"
#include "backends/cpu/kernels/tile.h"
#include "backends/cpu/kernels/window.h"
#include "backends/cpu/packed.h"

namespace hrt::cpu {
namespace {

constexpr int kMostColumns = kMaxVectors * kLanes;

// Where the positions of a panel look for one kernel element. Outside of the image: offset 0, weight 0.
struct Samples {
  int64_t offset[4][kMostColumns];
  float weight[4][kMostColumns];
};

struct Deform {
  Window w;
  int64_t batch, ic, oc, group, offset_groups;
  Dims3 in, out;

  int64_t taps() const { return volume(w.kernel); }
  int64_t positions() const { return volume(out); }
  int64_t depth() const { return ic / group * taps(); }  // of the product
  void sample(const float* offset, const float* mask, int64_t tap, int64_t first, int64_t columns,
              Samples& to) const;
  void fill_panel(const float* x, const float* offset, const float* mask, int64_t channel, int64_t first,
                  int64_t columns, int64_t width, float* to) const;
};

// offset: (tap, 2, positions) of the offset group; mask: (tap, positions), or NULL.
void Deform::sample(const float* offset, const float* mask, int64_t tap, int64_t first, int64_t columns,
                    Samples& to) const {
  const float *dy = offset + tap * 2 * positions() + first, *dx = dy + positions();
  const int64_t row = tap / w.kernel[2] * w.dilation[1], column = tap % w.kernel[2] * w.dilation[2];
  for (int64_t j = 0; j < columns; ++j) {
    const int64_t oh = (first + j) / out[2], ow = (first + j) % out[2];
    const double h = double(oh * w.stride[1] - w.begin[1] + row) + double(dy[j]);
    const double v = double(ow * w.stride[2] - w.begin[2] + column) + double(dx[j]);
    const float m = mask ? mask[tap * positions() + first + j] : 1.0f;
    for (int corner = 0; corner < 4; ++corner) {
      to.offset[corner][j] = 0;
      to.weight[corner][j] = 0;
    }
    if (!(h > -1 && h < double(in[1]) && v > -1 && v < double(in[2]))) continue;  // NaN too
    const double h0 = std::floor(h), v0 = std::floor(v);
    for (int corner = 0; corner < 4; ++corner) {
      const int64_t at_h = int64_t(h0) + corner / 2, at_v = int64_t(v0) + corner % 2;
      if (at_h < 0 || at_h >= in[1] || at_v < 0 || at_v >= in[2]) continue;
      const double wh = corner / 2 ? h - h0 : 1 - (h - h0), wv = corner % 2 ? v - v0 : 1 - (v - v0);
      to.offset[corner][j] = at_h * in[2] + at_v;
      to.weight[corner][j] = float(wh * wv) * m;
    }
  }
}

// Rows (channel, tap) of one group for positions [first, first + columns); the rest of a row is zero.
void Deform::fill_panel(const float* x, const float* offset, const float* mask, int64_t channel,
                        int64_t first, int64_t columns, int64_t width, float* to) const {
  const int64_t channels = ic / group, per_offset = ic / offset_groups;
  Samples s;
  for (int64_t c0 = channel; c0 < channel + channels;) {
    const int64_t o = c0 / per_offset, c1 = std::min((o + 1) * per_offset, channel + channels);
    for (int64_t tap = 0; tap < taps(); ++tap) {
      sample(offset + o * taps() * 2 * positions(), mask ? mask + o * taps() * positions() : nullptr, tap,
             first, columns, s);
      for (int64_t c = c0; c < c1; ++c) {
        const float* plane = x + c * volume(in);
        float* row = to + ((c - channel) * taps() + tap) * width;
        for (int64_t j = 0; j < columns; ++j)
          row[j] = s.weight[0][j] * plane[s.offset[0][j]] + s.weight[1][j] * plane[s.offset[1][j]] +
                   s.weight[2][j] * plane[s.offset[2][j]] + s.weight[3][j] * plane[s.offset[3][j]];
        std::fill(row + columns, row + width, 0.0f);
      }
    }
    c0 = c1;
  }
}

std::string supports(const Node& node) {
  if (std::string reason = floats_only(node); !reason.empty()) return reason;
  const Graph graph(node.graph());
  const Value w = graph.value(node.input(1));
  if (!w.ranked() || !sdk::all_numbers(w.dims())) return "shape of the weights is not known";
  if (w.rank() != 4) return sdk::cat(w.rank() - 2, " spatial dims");
  const int64_t group = node.i("group", 1);
  if (group < 1 || w.dims()[0] % group != 0) return "output channels do not fit the groups";
  return window_refusal(node);
}

Deform resolve(const WindowAttrs& attrs, int64_t group, int64_t offset_groups, const Signature& sig) {
  const Dims &x = sig.in[0].dims, &w = sig.in[1].dims, &y = sig.out[0].dims;
  require(x.size() == 4 && w.size() == 4, "x of shape ", x, " with weights of ", w);
  const std::span<const int64_t> in(x), out(y), kernel(w);
  Deform d{attrs.resolve(in.subspan(2), out.subspan(2), kernel.subspan(2)),
           x[0],
           x[1],
           w[0],
           group,
           offset_groups,
           spatial3(x),
           spatial3(y)};
  require(w[1] * group == d.ic, d.ic, " channels for weights of ", w, " in ", group, " groups");
  require(offset_groups >= 1 && d.ic % offset_groups == 0, d.ic, " channels in ", offset_groups,
          " offset groups");
  const int64_t each = offset_groups * d.taps();
  const Dims offset = {d.batch, each * 2, y[2], y[3]}, mask = {d.batch, each, y[2], y[3]};
  require(sig.in[2].dims == offset, "offset of shape ", sig.in[2].dims, " instead of ", offset);
  require(!sig.has_in(4) || sig.in[4].dims == mask, "mask of shape ", sig.in[4].dims, " instead of ", mask);
  require(!sig.has_in(3) || sig.in[3].count() == d.oc, "bias of shape ", sig.in[3].dims);
  return d;
}

Step prepare(const Deform& d, const Signature& sig) {
  const size_t packed = packed_floats(d.depth(), d.positions());
  const Product product{d.oc / d.group, d.positions(), d.depth(), true, {{0, 0}}, {}};
  Step step;
  step.workspace = packed * sizeof(float);
  step.run = [=, has_bias = sig.has_in(3), has_mask = sig.has_in(4)](const Buffers& b) {
    float* const columns = reinterpret_cast<float*>(b.workspace);
    const Panels panels{ceil_div(d.positions(), kLanes)};
    const int64_t offset_floats = d.offset_groups * d.taps() * d.positions(), out_rows = d.oc / d.group;
    for (int64_t z = 0; z < d.batch * d.group; ++z) {
      const int64_t image = z / d.group, g = z % d.group;
      const float* x = b.input<float>(0) + image * d.ic * volume(d.in);
      const float* offset = b.input<float>(2) + image * offset_floats * 2;
      const float* mask = has_mask ? b.input<float>(4) + image * offset_floats : nullptr;
      parallel(panels.count(), double(d.depth() * kMostColumns) * 2, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          const int64_t first = panels.first(p) * kLanes, width = panels.width(p) * kLanes;
          d.fill_panel(x, offset, mask, g * (d.ic / d.group), first, std::min(width, d.positions() - first),
                       width, columns + first * d.depth());
        }
      });
      ProductOperands o{b.input<float>(1) + g * out_rows * d.depth(),     columns, nullptr, nullptr, has_bias,
                        b.output<float>(0) + z * out_rows * d.positions()};
      if (has_bias)  // what the product adds to
        for (int64_t m = 0; m < out_rows; ++m)
          std::fill_n(o.y + m * d.positions(), d.positions(), b.input<float>(3)[g * out_rows + m]);
      multiply(product, o);
    }
  };
  return step;
}

Compiled compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.prepare = [attrs = WindowAttrs(node), group = node.i("group", 1),
               offset_groups = node.i("offset_group", 1)](const Signature& sig) {
    return prepare(resolve(attrs, group, offset_groups, sig), sig);
  };
  return c;
}

double flops(const Node& node) {
  const auto w = Value(node.graph(), node.input(1)).dims();
  return 2.0 * double(w[1] * w[2] * w[3]);
}

constexpr Op kOps[] = {{"", "DeformConv", supports, compile, flops}};

}  // namespace

std::span<const Op> deform_conv_ops() { return kOps; }

}  // namespace hrt::cpu
