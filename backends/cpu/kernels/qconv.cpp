// SPDX-License-Identifier: Apache-2.0
// QLinearConv and ConvInteger: convolution of bytes into bytes or 32-bit integers.
// https://onnx.ai/onnx/operators/onnx__QLinearConv.html, onnx__ConvInteger.html
//
// The product of int8.h with weights broadcast and output pixels in lanes, so that results come out in
// the plain layout. The input is copied into planes of 32-bit groups, which a group's vector of pixels
// is read from at an offset that the tap alone decides, whatever stride and dilation:
//
//   padding lies in the planes (right and left padding of neighbouring rows are the same pixels);
//   a stride s deals rows and columns out into s planes each, by their remainder;
//   the pixels of all output rows follow one another; those between rows are computed and dropped.
//
// A group holds the same pixel of several channels or, where that makes the depth shorter (depthwise,
// three colours), neighbouring taps of one channel, which are then gathered for each output pixel.
#include <cstring>

#include "backends/cpu/kernels/int8.h"
#include "backends/cpu/kernels/window.h"

namespace hrt::cpu {
namespace {

constexpr int kX = 2, kY = 1, kZ = 0;

struct Filter {
  int64_t oc, ic, groups;  // ic: of a group
  Dims3 kernel;
  Int8Form form;
  bool by_taps;

  Filter(std::span<const int64_t> w, int64_t groups_, Int8Form form_)
      : oc(w[0]), ic(w[1]), groups(groups_), kernel(spatial3(w)), form(form_) {
    const int64_t g = group_of(form), lines = kernel[kZ] * kernel[kY];
    by_taps = ic * lines * ceil_div(kernel[kX], g) < ceil_div(ic, g) * volume(kernel);
  }
  int64_t group_oc() const { return oc / groups; }
  int64_t units() const { return by_taps ? ic : ceil_div(ic, group_of(form)); }
  int64_t columns() const { return by_taps ? ceil_div(kernel[kX], group_of(form)) : kernel[kX]; }
  int64_t depth() const { return units() * kernel[kZ] * kernel[kY] * columns(); }
  size_t packed() const { return size_t(groups * packed_rows(group_oc()) * depth()); }

  // Calls f(unit, z, y, column) in the order of the depth.
  template <class F>
  void each_group(F&& f) const {
    for (int64_t u = 0; u < units(); ++u)
      for (int64_t z = 0; z < kernel[kZ]; ++z)
        for (int64_t y = 0; y < kernel[kY]; ++y)
          for (int64_t x = 0; x < columns(); ++x) f(u, z, y, x);
  }

  void pack(Bytes w, const ZeroPoints& zero, uint32_t* to, int32_t* sums) const;
};

// to: zero; sums: of the weights of each output channel.
void Filter::pack(Bytes w, const ZeroPoints& zero, uint32_t* to, int32_t* sums) const {
  const int64_t g = group_of(form), taps = volume(kernel);
  for (int64_t m = 0; m < oc; ++m) {
    const int64_t row = m % group_oc(), first = row / kTileRows * kTileRows;
    const int64_t width = block_width(group_oc(), first);
    uint32_t* at = to + (m / group_oc() * packed_rows(group_oc()) + first) * depth() + row - first;
    int32_t sum = 0;
    each_group([&](int64_t u, int64_t z, int64_t y, int64_t x) {
      *at = weight_group(form, [&](int t) {
        const int64_t c = by_taps ? u : u * g + t, column = by_taps ? x * g + t : x;
        if (c >= ic || column >= kernel[kX]) return 0;
        const int v = w((m * ic + c) * taps + (z * kernel[kY] + y) * kernel[kX] + column) - zero(m);
        sum += v;
        return v;
      });
      at += width;
    });
    sums[m] = sum;
  }
}

// Where the groups of one image's channels lie.
struct Planes {
  const Filter f;
  Window w;
  Dims3 in, out;
  Dims3 phases, length;  // remainders by the stride that taps have; entries of each that are looked at
  int64_t pitch, plane;  // from row to row, from plane to plane, in groups

  Planes(const Filter& filter, const Window& window, const Dims3& input, const Dims3& output)
      : f(filter), w(window), in(input), out(output) {
    for (int d = 0; d < 3; ++d) {
      const int64_t reach = (w.kernel[d] - 1) * w.dilation[d];
      phases[d] = std::min(w.stride[d], reach + 1);
      length[d] = out[d] + reach / w.stride[d];
    }
    length[kZ] = (out[kZ] - 1) * w.stride[kZ] + (w.kernel[kZ] - 1) * w.dilation[kZ] + 1;
    phases[kZ] = 1;
    if (f.by_taps) {
      length[kX] = out[kX];
      phases[kX] = f.columns();
    }
    pitch = length[kX];
    if (!f.by_taps) {  // as little as keeps data of one row out of the padding of the next
      int64_t lead = length[kX], most = out[kX];
      for (int64_t p = 0; p < phases[kX]; ++p) {
        lead = std::min(lead, begin_of(p));
        most = std::max(most, end_of(p));
      }
      pitch = std::max(most, length[kX] - lead);
    }
    plane = length[kY] * pitch + length[kX] - pitch;
  }

  // The entries of a row of a width phase that are inside of the input.
  int64_t begin_of(int64_t p) const {
    return std::min(length[kX], ceil_div(std::max<int64_t>(0, w.begin[kX] - p), w.stride[kX]));
  }
  int64_t end_of(int64_t p) const {
    const int64_t end = w.begin[kX] + in[kX] - p;
    return std::clamp(ceil_div(std::max<int64_t>(0, end), w.stride[kX]), begin_of(p), length[kX]);
  }
  int64_t base(int64_t unit, int64_t z, int64_t py, int64_t px) const {
    return (((unit * length[kZ] + z) * phases[kY] + py) * phases[kX] + px) * plane;
  }
  int64_t count() const { return f.units() * length[kZ] * phases[kY] * phases[kX]; }
  int64_t elements() const { return count() * plane + kTileColumns; }  // a tile may look beyond the end
  int64_t pixels() const { return (out[kY] - 1) * pitch + out[kX]; }   // of one output slice
  int64_t slice() const { return phases[kY] * phases[kX] * plane; }

  std::vector<int64_t> offsets() const {
    std::vector<int64_t> list;
    f.each_group([&](int64_t u, int64_t z, int64_t y, int64_t x) {
      const int64_t ty = y * w.dilation[kY], tx = f.by_taps ? 0 : x * w.dilation[kX];
      list.push_back(base(u, z * w.dilation[kZ], ty % w.stride[kY], f.by_taps ? x : tx % w.stride[kX]) +
                     ty / w.stride[kY] * pitch + tx / w.stride[kX]);
    });
    return list;
  }

  // A plane is the whole slice of the input, unpadded and in its order (1x1).
  bool one_row() const {
    return !f.by_taps && w.stride[kX] == 1 && w.stride[kY] == 1 && w.begin[kX] == 0 && w.begin[kY] == 0 &&
           pitch == in[kX] && length == Dims3{length[kZ], in[kY], in[kX]};
  }
  // Where the same pixel of each channel of a unit lies, the first at x. Beyond the last, whose weights are
  // zero, any channel will do.
  void channels_of(int64_t unit, const uint8_t* x, const uint8_t** p) const {
    const int64_t g = group_of(f.form);
    for (int64_t t = 0; t < g; ++t) p[t] = x + std::min(t, f.ic - 1 - unit * g) * volume(in);
  }

  // Fills plane number i from the channels at x.
  void fill(int64_t i, const uint8_t* x, uint8_t flip, uint8_t zero, uint32_t* planes) const;
  void fill_row(int64_t unit, int64_t px, const uint8_t* row, uint8_t flip, uint8_t zero, uint32_t* to) const;
  void fill_far_taps(int64_t first, const uint8_t* row, uint8_t flip, uint8_t zero, uint32_t* to) const;
};

// row: of the unit's first channel.
void Planes::fill_row(int64_t unit, int64_t px, const uint8_t* row, uint8_t flip, uint8_t zero,
                      uint32_t* to) const {
  const int64_t g = group_of(f.form), s = w.stride[kX];
  const uint32_t padding = repeated(f.form, zero);
  const uint8_t* p[4];
  if (!f.by_taps) {
    const int64_t begin = begin_of(px), end = end_of(px);
    channels_of(unit, row + begin * s + px - w.begin[kX], p);
    std::fill(to, to + begin, padding);
    interleave(f.form, p, s, end - begin, flip, to + begin);
    std::fill(to + end, to + pitch, padding);
    return;
  }
  // Tap t of pixel o: first + t d + o s. Pixels are taken from a copy of the row with its padding.
  const int64_t d = w.dilation[kX], first = px * g * d - w.begin[kX];
  uint8_t copy[2048];
  const int64_t most = (int64_t(sizeof copy) - 1 - (g - 1) * d) / s + 1;  // pixels that a copy has room for
  if (most <= 0 || (g - 1) * d >= int64_t(sizeof copy)) return fill_far_taps(first, row, flip, zero, to);
  for (int64_t o = 0; o < out[kX]; o += most) {
    const int64_t n = std::min(most, out[kX] - o), x = first + o * s, size = (n - 1) * s + (g - 1) * d + 1;
    const int64_t begin = std::clamp<int64_t>(-x, 0, size), end = std::clamp(in[kX] - x, begin, size);
    std::memset(copy, zero ^ flip, size_t(begin));
    std::memcpy(copy + begin, row + x + begin, size_t(end - begin));
    std::memset(copy + end, zero ^ flip, size_t(size - end));
    for (int64_t t = 0; t < g; ++t) p[t] = copy + t * d;
    interleave(f.form, p, s, n, flip, to + o);
  }
}

// The same for taps so far from one another that a copy of what is between them has no room.
void Planes::fill_far_taps(int64_t first, const uint8_t* row, uint8_t flip, uint8_t zero,
                           uint32_t* to) const {
  const int64_t g = group_of(f.form);
  for (int64_t o = 0; o < out[kX]; ++o) {
    to[o] = 0;
    for (int64_t t = 0; t < g; ++t) {
      const int64_t at = first + t * w.dilation[kX] + o * w.stride[kX];
      to[o] |= uint32_t(at >= 0 && at < in[kX] ? row[at] ^ flip : zero) << (t * (32 / g));
    }
  }
}

void Planes::fill(int64_t i, const uint8_t* x, uint8_t flip, uint8_t zero, uint32_t* planes) const {
  uint32_t* to = planes + i * plane;
  const int64_t px = i % phases[kX], py = i / phases[kX] % phases[kY];
  const int64_t z = i / phases[kX] / phases[kY] % length[kZ] - w.begin[kZ];
  const int64_t unit = i / phases[kX] / phases[kY] / length[kZ];
  const int64_t channel = unit * (f.by_taps ? 1 : group_of(f.form));
  const uint32_t padding = repeated(f.form, zero);
  if (one_row() && z >= 0 && z < in[kZ]) {
    const uint8_t* p[4];
    channels_of(unit, x + (channel * in[kZ] + z) * plane, p);
    return interleave(f.form, p, 1, plane, flip, to);
  }
  for (int64_t r = 0; r < length[kY]; ++r, to += pitch) {
    const int64_t y = r * w.stride[kY] + py - w.begin[kY];
    if (z < 0 || z >= in[kZ] || y < 0 || y >= in[kY])
      std::fill(to, to + pitch, padding);
    else
      fill_row(unit, px, x + ((channel * in[kZ] + z) * in[kY] + y) * in[kX], flip, zero, to);
  }
  std::fill(to, to + length[kX] - pitch, padding);
}

// ------------------------------------------------------------------------------------- the operators

// Which input is what; -1: there is none.
struct Inputs {
  int x, w, x_zero, w_zero, x_scale = -1, w_scale = -1, y_scale = -1, y_zero = -1, bias = -1;
};
constexpr Inputs kQLinear{0, 3, 2, 5, 1, 4, 6, 7, 8}, kInteger{0, 1, 2, 3};

struct Conv {
  Inputs in;
  WindowAttrs attrs;
  int64_t groups;
  Int8Form form = Int8Form::kPairs;
  Floats packed;  // uint32_t; NULL: the weights are packed at run time
  std::vector<int32_t> sums;

  Step prepare(const Signature& sig) const;
  Int8Finish finish(const Signature& sig, const Buffers& b, const int32_t* sums, uint8_t x_zero,
                    int32_t* init, float* scale) const;
};

bool has(const Signature& sig, int i) { return i >= 0 && sig.has_in(size_t(i)); }

ZeroPoints zero_points(const Signature& sig, const Buffers& b, int i) {
  if (!has(sig, i)) return {};
  const Operand& o = sig.in[size_t(i)];
  return {{b.input<uint8_t>(size_t(i)), o.dtype == HRT_INT8}, o.count() > 1};
}

// One run: the product of one group and image at a time.
struct Run {
  const Planes& planes;
  const std::vector<int64_t>& offsets;
  Int8Finish finish;
  Int8Product product;
  uint8_t flip, zero;
  const uint32_t* weights;

  void fill(const uint8_t* x, int64_t begin, int64_t end, uint32_t* to) const {
    for (int64_t i = begin; i < end; ++i) planes.fill(i, x, flip, zero, to);
  }
  int64_t tasks() const { return planes.out[kZ] * product.tiles() * product.blocks(); }
  // Tasks begin ... end - 1 of a group. Few weights stay in the cache under all pixels, many do not.
  void multiply(int64_t group, const uint32_t* from, uint8_t* y, int64_t begin, int64_t end) const {
    Int8Product p = product;
    p.broadcast = weights + group * packed_rows(p.rows) * p.depth;
    const int64_t tiles = p.tiles(), blocks = p.blocks();
    const bool pixels_first = p.rows * p.depth * 4 > (256 << 10);
    Int8Sums sums;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t z = i / (tiles * blocks), at = i % (tiles * blocks);
      p.lanes = from + z * planes.w.stride[kZ] * planes.slice();
      int8_tile(p, pixels_first ? at / tiles : at % blocks, pixels_first ? at % tiles : at / blocks, sums);
      store(group, z, sums, y);
    }
  }
  void store(int64_t group, int64_t z, const Int8Sums& sums, uint8_t* y) const {
    const bool whole = planes.pitch == planes.out[kX];  // no pixels between rows
    const int64_t pitch = whole ? planes.pixels() : planes.pitch, used = whole ? pitch : planes.out[kX];
    const int64_t slice = planes.out[kY] * planes.out[kX], volume = planes.out[kZ] * slice;
    int64_t to = (group * product.rows + sums.row) * volume + z * slice + sums.column / pitch * used;
    int64_t x = sums.column % pitch;
    for (int64_t c = 0, n; c < sums.columns; c += n, to += used, x = 0) {
      n = std::min(pitch - x, sums.columns - c);
      if (x >= used) continue;
      Int8Finish f = finish;
      f.init += group * product.rows;
      if (f.scale) f.scale += group * product.rows;
      int8_finish(f, sums, c, std::min(n, used - x), y + size_t(to + x) * f.width(), volume);
    }
  }
};

Step Conv::prepare(const Signature& sig) const {
  const Operand &x = sig.in[size_t(in.x)], &w = sig.in[size_t(in.w)], &y = sig.out[0];
  require(x.dims.size() == w.dims.size() && x.dims[1] == w.dims[1] * groups && w.dims[0] % groups == 0,
          "input of ", x.dims, " for weights of ", w.dims, " in ", groups, " groups");
  const Filter filter(w.dims, groups, form);
  const auto one_or_each = [&](int i, const char* what) {
    require(!has(sig, i) || sig.in[size_t(i)].count() == 1 || sig.in[size_t(i)].count() == filter.oc, what,
            " of shape ", has(sig, i) ? sig.in[size_t(i)].dims : Dims(), " for ", filter.oc, " channels");
  };
  one_or_each(in.w_scale, "w_scale");
  one_or_each(in.w_zero, "w_zero_point");
  require(!has(sig, in.bias) || sig.in[size_t(in.bias)].count() == filter.oc, "B must have ", filter.oc,
          " elements");
  for (const int i : {in.x_scale, in.x_zero, in.y_scale, in.y_zero})
    require(!has(sig, i) || sig.in[size_t(i)].count() == 1, "input ", i, " must have one element");
  const std::span<const int64_t> xd(x.dims), yd(y.dims), wd(w.dims);
  const Planes planes(filter, attrs.resolve(xd.subspan(2), yd.subspan(2), wd.subspan(2)), spatial3(xd),
                      spatial3(yd));

  // The workspace: planes for as many groups as fit into a cache, parameters, weights.
  const int64_t per_group = round_up(planes.elements(), 16);
  const int64_t slots = std::min(groups, std::clamp<int64_t>((128 << 10) / per_group, 4, 64));
  const int64_t parameters = round_up(filter.oc, 16);
  Step step;
  step.workspace = size_t(slots * per_group + 3 * parameters) * 4 + (packed ? 0 : filter.packed() * 4);
  step.run = [=, batch = x.dims[0], offsets = planes.offsets(), m = *this](const Buffers& b) {
    auto* const groups_at = reinterpret_cast<uint32_t*>(b.workspace);
    auto* const init = reinterpret_cast<int32_t*>(groups_at + slots * per_group);
    auto* const scale = reinterpret_cast<float*>(init + parameters);
    int32_t* const room = init + 2 * parameters;
    auto* const weights = reinterpret_cast<uint32_t*>(room + parameters);
    if (!m.packed) {
      std::memset(weights, 0, filter.packed() * 4);
      filter.pack(zero_points(sig, b, m.in.w).at, zero_points(sig, b, m.in.w_zero), weights, room);
    }
    const Bytes x = zero_points(sig, b, m.in.x).at;
    const auto zero = uint8_t(zero_points(sig, b, m.in.x_zero)(0) ^ x.flip());
    const int32_t* const sums = m.packed ? m.sums.data() : room;
    const Int8Finish finish = m.finish(sig, b, sums, zero, init, scale);

    const Int8Product product{filter.form, false,   filter.group_oc(), planes.pixels(), filter.depth(),
                              nullptr,     nullptr, offsets.data(),    kTileColumns};
    const Run run{planes,
                  offsets,
                  finish,
                  product,
                  x.flip(),
                  zero,
                  m.packed ? reinterpret_cast<const uint32_t*>(m.packed.get()) : weights};
    const int64_t image = filter.ic * volume(planes.in), results = filter.oc * volume(planes.out);
    for (int64_t n = 0; n < batch; ++n) {
      const uint8_t* const from = x.data + n * image * m.groups;
      uint8_t* const to = b.output<uint8_t>(0) + size_t(n * results) * finish.width();
      if (m.groups == 1) {
        parallel(planes.count(), double(planes.plane) * 0.2,
                 [&](int64_t begin, int64_t end) { run.fill(from, begin, end, groups_at); });
        parallel(run.tasks(), product.ns(),
                 [&](int64_t begin, int64_t end) { run.multiply(0, groups_at, to, begin, end); });
        continue;
      }
      const double ns = double(planes.elements()) * 0.2 + double(run.tasks()) * product.ns();
      const int64_t rounds = m.groups / slots;
      parallel(slots, ns * double(rounds), [&](int64_t begin, int64_t end) {
        for (int64_t slot = begin; slot < end; ++slot)
          for (int64_t g = slot; g < m.groups; g += slots) {
            uint32_t* const at = groups_at + slot * per_group;
            run.fill(from + g * image, 0, planes.count(), at);
            run.multiply(g, at, to, 0, run.tasks());
          }
      });
    }
  };
  return step;
}

// What is added to sums and how they are scaled, written to init and scale.
Int8Finish Conv::finish(const Signature& sig, const Buffers& b, const int32_t* sums, uint8_t x_zero,
                        int32_t* init, float* scale) const {
  const int64_t oc = sig.out[0].dims[1];
  const int32_t* const bias = has(sig, in.bias) ? b.input<int32_t>(size_t(in.bias)) : nullptr;
  for (int64_t m = 0; m < oc; ++m)
    init[m] = int32_t(uint32_t(bias ? bias[m] : 0) - uint32_t(x_zero) * uint32_t(sums[m]));
  Int8Finish f;
  f.init = init;
  if (in.x_scale < 0) return f;
  const bool many = sig.in[size_t(in.w_scale)].count() > 1;
  const float *x = b.input<float>(size_t(in.x_scale)), *w = b.input<float>(size_t(in.w_scale)),
              *y = b.input<float>(size_t(in.y_scale));
  for (int64_t m = 0; m < oc; ++m) scale[m] = float(double(*x) * double(w[many ? m : 0]) / double(*y));
  f.kind = Int8Finish::kBytes;
  f.scale = scale;
  f.bounds(sig.out[0].dtype, zero_points(sig, b, in.y_zero)(0));
  return f;
}

std::string refusal(const Node& node, const Inputs& in) {
  const Graph graph(node.graph());
  const auto value = [&](int i) { return graph.value(node.input(size_t(i))); };
  for (const int i : {in.x, in.w})
    if (!is_byte(value(i).dtype())) return sdk::cat("dtype ", dtype_name(value(i).dtype()));
  if (!value(in.w).ranked() || !sdk::all_numbers(value(in.w).dims()))
    return "shape of the weights is not known";
  if (value(in.w).rank() != value(in.x).rank()) return "weights of another rank than the input";
  if (sdk::element_count(value(in.w).dims()) == 0) return "weights without elements";
  if (node.i("group", 1) < 1 || value(in.w).dims()[0] % node.i("group", 1) != 0)
    return "output channels do not fit the groups";
  return window_refusal(node);
}

// The weights minus their zero points fit bytes.
bool fit_bytes(Bytes w, const ZeroPoints& zero, int64_t per_channel, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    if (const int v = w(i) - zero(i / per_channel); v < -128 || v > 127) return false;
  return true;
}

Compiled compile(const Node& node, const Inputs& in) {
  const Graph graph(node.graph());
  const auto constant = [&](int i) { return graph.value(node.input(size_t(i))).constant(); };
  const bool has_zero = node.has_input(size_t(in.w_zero));
  const auto w = constant(in.w), w_zero = has_zero ? constant(in.w_zero) : std::nullopt;
  Conv conv{.in = in, .attrs = WindowAttrs(node), .groups = node.i("group", 1), .packed = {}, .sums = {}};
  Compiled c;
  if (w && (w_zero || !has_zero)) {
    const Bytes bytes{w->data<uint8_t>(), w->dtype() == HRT_INT8};
    ZeroPoints zero;
    if (w_zero) zero = {{w_zero->data<uint8_t>(), bytes.is_signed}, w_zero->size() > 1};
    require(!zero.many || w_zero->size() == w->dim(0), "w_zero_point of shape ", w_zero->dims(), " for ",
            w->dim(0), " channels");
    if (has_quads() && fit_bytes(bytes, zero, w->size() / w->dim(0), w->size())) conv.form = Int8Form::kQuads;
    const Filter filter(w->dims(), conv.groups, conv.form);
    conv.packed = make_floats(filter.packed());
    conv.sums.resize(size_t(filter.oc));
    filter.pack(bytes, zero, reinterpret_cast<uint32_t*>(conv.packed.get()), conv.sums.data());
    c.packed |= 1u << in.w;
  }
  c.prepare = [conv = std::move(conv)](const Signature& sig) { return conv.prepare(sig); };
  return c;
}

double flops(const Node& node, const Inputs& in) {
  const Value w = Graph(node.graph()).value(node.input(size_t(in.w)));
  return 0.5 * double(sdk::element_count(w.dims().subspan(1)));  // four times as many as floats
}

constexpr Op kOps[] = {
    {"", "QLinearConv", [](const Node& n) { return refusal(n, kQLinear); },
     [](const Node& n) { return compile(n, kQLinear); }, [](const Node& n) { return flops(n, kQLinear); }},
    {"", "ConvInteger", [](const Node& n) { return refusal(n, kInteger); },
     [](const Node& n) { return compile(n, kInteger); }, [](const Node& n) { return flops(n, kInteger); }}};

}  // namespace

std::span<const Op> qconv_ops() { return kOps; }

}  // namespace hrt::cpu
