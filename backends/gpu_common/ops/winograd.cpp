// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/winograd.h"

namespace hrt::gpu {
namespace {

constexpr int64_t kTile = 4, kFrequencies = 36;

// G g G': 3x3 weights to 6x6 frequencies.
void transform(const std::array<float, 9>& g, float* to, int64_t stride) {
  static constexpr float kG[6][3] = {{0.25F, 0, 0},
                                     {-1 / 6.0F, -1 / 6.0F, -1 / 6.0F},
                                     {-1 / 6.0F, 1 / 6.0F, -1 / 6.0F},
                                     {1 / 24.0F, 1 / 12.0F, 1 / 6.0F},
                                     {1 / 24.0F, -1 / 12.0F, 1 / 6.0F},
                                     {0, 0, 1}};
  float rows[6][3];
  for (size_t f = 0; f < 6; ++f)
    for (size_t c = 0; c < 3; ++c) rows[f][c] = kG[f][0] * g[c] + kG[f][1] * g[3 + c] + kG[f][2] * g[6 + c];
  for (const auto& row : rows)
    for (const auto& by : kG) {
      *to = row[0] * by[0] + row[1] * by[1] + row[2] * by[2];
      to += stride;
    }
}

}  // namespace

bool wants_tiles_left(const Caps& caps, int64_t tiles, int64_t ic) {
  constexpr int64_t kDepth = 8;  // panels need no padding then
  return ic % kDepth == 0 && tiles * 2 <= panel_width(caps);
}

size_t upload_winograd(Uploads& uploads, const sdk::Tensor& weights, bool tiles_left) {
  const int64_t oc = weights.dim(0), ic = weights.dim(1), matrix = oc * ic;
  std::vector<float> frequencies(size_t(sdk::element_count(Dims{kFrequencies, oc, ic})));
  for (int64_t i = 0; i < matrix; ++i) {
    std::array<float, 9> g;
    for (size_t t = 0; t < g.size(); ++t) {
      const size_t at = size_t(i) * g.size() + t;
      g[t] = weights.dtype() == HRT_FLOAT16 ? float(weights.data<float16>()[at]) : weights.data<float>()[at];
    }
    transform(g, frequencies.data() + i, matrix);
  }
  const Caps& caps = uploads.caps();
  const std::vector<float> packed =
      tiles_left ? pack_columns({frequencies.data(), HRT_FLOAT32, kFrequencies, ic, oc, matrix, 1, ic},
                                panel_columns(caps, oc))
                 : pack_panels({frequencies.data(), HRT_FLOAT32, kFrequencies, oc, ic, matrix, ic, 1},
                               panel_rows(caps, oc));
  return uploads.weight(packed.data(), packed.size() * sizeof(float));
}

void emit_winograd(Emit& emit, const Winograd& w) {
  const int64_t tiles_h = ceil_div(w.out[1], kTile), tiles_w = ceil_div(w.out[2], kTile);
  const int64_t tiles = sdk::element_count(Dims{w.images, tiles_h, tiles_w});
  const int rows = panel_rows(emit.caps(), w.tiles_left ? tiles : w.oc);
  const int64_t width = w.tiles_left ? round_up(tiles, rows) : panel_columns(emit.caps(), tiles);
  const int64_t in_count = sdk::element_count(Dims{kFrequencies, w.ic, width});
  const int64_t out_count = sdk::element_count(Dims{kFrequencies, w.oc, width});
  push_int(in_count);
  push_int(out_count);
  const Ref transformed = emit.scratch(uint64_t(in_count) * 4),
            products = emit.scratch(uint64_t(out_count) * 4);
  const char* variant = type_variant(emit.out()[0].dtype);
  const auto dispatch = [&](Call call, int64_t n, std::initializer_list<int64_t> values) {
    call.variant = variant;
    call.push.insert(call.push.begin(), push_int(n));
    size_t at = 1;
    for (const int64_t v : values) call.push.insert(call.push.begin() + ptrdiff_t(at++), push_int(v));
    call.threads = {n, 1, 1};
    call.linear = true;
    emit.dispatch(std::move(call));
  };
  Call in;
  in.kernel = "winograd_in";
  in.buffers = {emit.in_ref(0), transformed};
  in.writes = 2;
  dispatch(std::move(in), w.ic * width,
           {width, tiles, tiles_h, tiles_w, w.ic, w.in[1], w.in[2], w.pad[1], w.pad[2],
            w.tiles_left ? rows : width});
  Product p;
  p.m = w.tiles_left ? tiles : w.oc;
  p.n = w.tiles_left ? w.oc : width;
  p.k = w.ic;
  p.dims = {1, 1, kFrequencies};
  p.packed_a = w.tiles_left ? transformed : emit.weight(w.weight);
  p.rows_packed = rows;
  p.a.batch = {0, 0, 1};
  p.packed_b = w.tiles_left ? emit.weight(w.weight) : transformed;
  p.columns_packed = w.tiles_left ? panel_columns(emit.caps(), w.oc) : width;
  p.b.batch = {0, 0, 1};
  p.y = products;
  emit_panels(emit, p);
  Call out;
  out.kernel = "winograd_out";
  out.constants = {w.e.act, emit.has_in(2), emit.has_in(3)};
  out.push = {push_float(w.e.a), push_float(w.e.b)};
  out.buffers = {products, emit.has_in(2) ? emit.in_ref(2) : products,
                 emit.has_in(3) ? emit.in_ref(3) : products, emit.out_ref(0)};
  out.writes = 8;
  dispatch(std::move(out), w.oc * tiles,
           {p.m * p.n, w.tiles_left ? 1 : width, w.tiles_left ? w.oc : 1, tiles, tiles_h, tiles_w, w.oc,
            w.out[1], w.out[2]});
}

}  // namespace hrt::gpu
