// SPDX-License-Identifier: Apache-2.0
// Normalisations. All take mean and variance in two passes over data that is in cache: exact where the
// one-pass form E[x^2] - E[x]^2 cancels. Rows (or channels) are shared out to threads.
#include "backends/cpu/kernels/norm.h"

#include "backends/cpu/kernels/broadcast.h"

namespace hrt::cpu {
namespace {

// y = (x - mean) * scale + bias, with numbers.
void affine(const float* x, float* y, int64_t n, float mean, float scale, float bias) {
  const Vec m = vec::set(mean), s = vec::set(scale), b = vec::set(bias);
  map(x, y, n, [&](Vec v) { return hn::MulAdd(hn::Sub(v, m), s, b); });
}

// Splits dims into N, C and the product of the rest.
struct Channels {
  int64_t n, c, spatial;
};
Channels channels_of(const Dims& dims) {
  require(dims.size() >= 2, "normalisation over channels of a tensor of rank ", int64_t(dims.size()));
  return {dims[0], dims[1], sdk::element_count(std::span(dims).subspan(2))};
}

void require_count(const Operand& o, int64_t n, const char* what) {
  require(o.count() == n, what, " of shape ", o.dims, " where ", n, " elements are needed");
}

// Lets a per-channel operator keep a blocked input; parameters stay plain.
void arrange_data(Signature& sig) {
  if (sig.in[0].layout == Layout::kBlocked) sig.out[0].layout = Layout::kBlocked;
  for (size_t i = 1; i < sig.in.size(); ++i) sig.in[i].layout = Layout::kPlain;
}

// --------------------------------------------------------------------------- BatchNormalization

// factor = scale / sqrt(variance + epsilon), for all channels; zero beyond, in the last block.
void channel_factors(const float* scale, const float* variance, float epsilon, float* factor, int64_t c) {
  map2<1, 1>(scale, variance, factor, c,
             [&](Vec s, Vec v) { return hn::Div(s, hn::Sqrt(hn::Add(v, vec::set(epsilon)))); });
}

// y = (x - mean) * factor + bias over rows of n elements (n a multiple of the pattern), parameters
// repeating every `lanes` elements.
void batch_norm_vectors(const float* x, float* y, int64_t n, const float* mean, const float* factor,
                        const float* bias, int64_t lanes) {
  const Vec m = load_n(mean, lanes), f = load_n(factor, lanes), b = load_n(bias, lanes);
  for (int64_t i = 0; i < n; i += kLanes)
    hn::StoreU(hn::MulAdd(hn::Sub(hn::LoadU(f32, x + i), m), f, b), f32, y + i);
}

void batch_norm_row(const float* x, float* y, int64_t n, const float* mean, const float* factor,
                    const float* bias) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec d = hn::Sub(hn::LoadU(f32, x + i), hn::LoadU(f32, mean + i));
    hn::StoreU(hn::MulAdd(d, hn::LoadU(f32, factor + i), hn::LoadU(f32, bias + i)), f32, y + i);
  }
  const int64_t k = n - i;
  if (k == 0) return;
  const Vec d = hn::Sub(load_n(x + i, k), load_n(mean + i, k));
  store_n(hn::MulAdd(d, load_n(factor + i, k), load_n(bias + i, k)), y + i, k);
}

std::string batch_norm_supports(const Node& node) {
  if (node.i("training_mode")) return "training mode";
  if (node.outputs().size() > 1) return "statistics as outputs";
  return floats_only(node);
}

Compiled batch_norm_compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.inplace = 1;
  c.arrange = arrange_data;
  c.prepare = [epsilon = node.f("epsilon", 1e-5f)](const Signature& sig) -> Step {
    const Channels d =
        sig.in[0].rank() == 1 ? Channels{sig.in[0].dims[0], 1, 1} : channels_of(sig.in[0].dims);
    for (size_t i = 1; i < 5; ++i) require_count(sig.in[i], d.c, "parameter");
    const bool blocked = sig.in[0].layout == Layout::kBlocked;
    return {[=](const Buffers& b) {
              const float *x = b.input<float>(0), *bias = b.input<float>(2), *mean = b.input<float>(3);
              float *y = b.output<float>(0), *factor = reinterpret_cast<float*>(b.workspace);
              channel_factors(b.input<float>(1), b.input<float>(4), epsilon, factor, d.c);
              if (blocked) {
                const int64_t blocks = ceil_div(d.c, kLanes), n = d.spatial * kLanes;
                return parallel(d.n * blocks, double(n) * 0.1, [&](int64_t begin, int64_t end) {
                  for (int64_t i = begin; i < end; ++i) {
                    const int64_t at = i % blocks * kLanes, lanes = std::min<int64_t>(kLanes, d.c - at);
                    batch_norm_vectors(x + i * n, y + i * n, n, mean + at, factor + at, bias + at, lanes);
                  }
                });
              }
              if (d.spatial == 1)
                return parallel(d.n, double(d.c) * 0.1, [&](int64_t begin, int64_t end) {
                  for (int64_t i = begin; i < end; ++i)
                    batch_norm_row(x + i * d.c, y + i * d.c, d.c, mean, factor, bias);
                });
              parallel(d.n * d.c, double(d.spatial) * 0.1 + 3, [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) {
                  const int64_t ch = i % d.c, at = i * d.spatial;
                  affine(x + at, y + at, d.spatial, mean[ch], factor[ch], bias[ch]);
                }
              });
            },
            size_t(d.c) * sizeof(float)};
  };
  return c;
}

// ------------------------------------------------- GroupNormalization and InstanceNormalization

// One group of one image: `channels` rows of `spatial` floats.
void normalize_group(const float* x, float* y, int64_t channels, int64_t spatial, float epsilon,
                     const float* scale, const float* bias) {
  const Moments m = moments(x, channels * spatial, epsilon);
  for (int64_t c = 0; c < channels; ++c)
    affine(x + c * spatial, y + c * spatial, spatial, m.mean, m.inverse * scale[c], bias[c]);
}

// A block of channels of one image, each lane a channel of its own: n vectors.
void normalize_block(const float* x, float* y, int64_t n, float epsilon, const float* scale,
                     const float* bias, int64_t lanes) {
  Vec sum = hn::Zero(f32), squares = sum;
  for (int64_t i = 0; i < n; ++i) sum = hn::Add(sum, hn::LoadU(f32, x + i * kLanes));
  const Vec count = vec::set(float(n)), mean = hn::Div(sum, count);
  for (int64_t i = 0; i < n; ++i) {
    const Vec d = hn::Sub(hn::LoadU(f32, x + i * kLanes), mean);
    squares = hn::MulAdd(d, d, squares);
  }
  const Vec deviation = hn::Sqrt(hn::Add(hn::Div(squares, count), vec::set(epsilon)));
  const Vec factor = hn::Div(load_n(scale, lanes), deviation), b = load_n(bias, lanes);
  for (int64_t i = 0; i < n; ++i) {
    const Vec d = hn::Sub(hn::LoadU(f32, x + i * kLanes), mean);
    hn::StoreU(hn::MulAdd(d, factor, b), f32, y + i * kLanes);
  }
}

std::string group_norm_supports(const Node& node) {
  if (node.i("stash_type", 1) != 1) return "statistics in a type other than float32";
  return floats_only(node);
}

Step group_step(const Signature& sig, int64_t groups, float epsilon) {
  const Channels d = channels_of(sig.in[0].dims);
  require(groups > 0 && d.c % groups == 0, d.c, " channels do not divide into ", groups, " groups");
  require_count(sig.in[1], d.c, "scale");
  require_count(sig.in[2], d.c, "bias");
  const int64_t per_group = d.c / groups;
  return {[=](const Buffers& b) {
    const int64_t n = per_group * d.spatial;
    if (n == 0) return;
    parallel(d.n * groups, double(n) * 0.3 + 10, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t c = i % groups * per_group;
        normalize_group(b.input<float>(0) + i * n, b.output<float>(0) + i * n, per_group, d.spatial, epsilon,
                        b.input<float>(1) + c, b.input<float>(2) + c);
      }
    });
  }};
}

Step blocked_instance_step(const Signature& sig, float epsilon) {
  const Channels d = channels_of(sig.in[0].dims);
  require_count(sig.in[1], d.c, "scale");
  require_count(sig.in[2], d.c, "bias");
  return {[=](const Buffers& b) {
    const int64_t blocks = ceil_div(d.c, kLanes), n = d.spatial;
    if (n == 0) return;
    parallel(d.n * blocks, double(n) * kLanes * 0.3 + 10, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t c = i % blocks * kLanes, at = i * n * kLanes;
        normalize_block(b.input<float>(0) + at, b.output<float>(0) + at, n, epsilon, b.input<float>(1) + c,
                        b.input<float>(2) + c, std::min<int64_t>(kLanes, d.c - c));
      }
    });
  }};
}

Compiled group_norm_compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.inplace = 1;
  c.prepare = [groups = node.i("num_groups"), epsilon = node.f("epsilon", 1e-5f)](const Signature& sig) {
    return group_step(sig, groups, epsilon);
  };
  return c;
}

Compiled instance_norm_compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.inplace = 1;
  c.arrange = arrange_data;
  c.prepare = [epsilon = node.f("epsilon", 1e-5f)](const Signature& sig) {
    if (sig.in[0].layout == Layout::kBlocked) return blocked_instance_step(sig, epsilon);
    return group_step(sig, channels_of(sig.in[0].dims).c, epsilon);
  };
  return c;
}

// ------------------------------------------------------ LayerNormalization and RMSNormalization

// A parameter of the size of a row. One that broadcasts to it is written out into the workspace.
struct RowParameter {
  bool present = false, expand = false;
  size_t index = 0, offset = 0;
  Broadcast plan;

  const float* get(const Buffers& b) const {
    if (!present) return nullptr;
    const float* p = b.input<float>(index);
    if (!expand) return p;
    float* out = reinterpret_cast<float*>(b.workspace + offset);
    for (int64_t r = 0; r < plan.rows; ++r) {
      const RowRun run = locate(plan, r, 1);
      for (int64_t i = 0; i < run.n; ++i) out[run.out + i] = p[run.offset[0] + i * plan.row_stride(0)];
    }
    return out;
  }
};

RowParameter row_parameter(const Signature& sig, size_t index, std::span<const int64_t> row,
                           size_t* workspace) {
  RowParameter p;
  p.present = sig.has_in(index);
  if (!p.present) return p;
  p.index = index;
  Dims dims = sig.in[index].dims;
  while (dims.size() > row.size() && dims.front() == 1) dims.erase(dims.begin());
  if (dims.size() > row.size())
    unsupported("a parameter of shape ", dims, " for normalised dims ", row, ": it varies outside of them");
  p.expand = sdk::element_count(dims) != sdk::element_count(row);
  if (!p.expand) return p;
  p.plan = make_broadcast(row, std::span(&dims, 1));
  p.offset = *workspace;
  *workspace += size_t(round_up(sdk::element_count(row), 16)) * sizeof(float);
  return p;
}

Compiled layer_norm_compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.inplace = 1;
  c.prepare = [axis = node.i("axis", -1), epsilon = node.f("epsilon", 1e-5f),
               centre = node.op() == "LayerNormalization"](const Signature& sig) -> Step {
    const std::span<const int64_t> dims = sig.in[0].dims;
    const int64_t rank = int64_t(dims.size()), at = axis < 0 ? axis + rank : axis;
    require(at >= 0 && at < rank, "axis ", axis, " of a tensor of rank ", rank);
    const std::span<const int64_t> row = dims.subspan(size_t(at));
    const int64_t outer = sdk::element_count(dims.first(size_t(at))), n = sdk::element_count(row);
    size_t workspace = 0;
    const RowParameter scale = row_parameter(sig, 1, row, &workspace),
                       bias = row_parameter(sig, 2, row, &workspace);
    return {[=, outputs = int64_t(sig.out.size())](const Buffers& b) {
              if (n == 0) return;
              const float *s = scale.get(b), *t = bias.get(b);
              float* mean = centre && outputs > 1 ? b.output<float>(1) : nullptr;
              float* inverse = outputs > (centre ? 2 : 1) ? b.output<float>(centre ? 2 : 1) : nullptr;
              parallel(outer, double(n) * 0.3 + 10, [&](int64_t begin, int64_t end) {
                for (int64_t r = begin; r < end; ++r) {
                  const float* x = b.input<float>(0) + r * n;
                  const Moments m = centre ? moments(x, n, epsilon) : root_mean_square(x, n, epsilon);
                  scale_row(x, b.output<float>(0) + r * n, n, m, s, t);
                  if (mean) mean[r] = m.mean;
                  if (inverse) inverse[r] = m.inverse;
                }
              });
            },
            workspace};
  };
  return c;
}

// ---------------------------------------------------------------------------- LpNormalization

// n rows of vectors, `stride` floats apart; the norm of zeros divides as 1.
void lp_columns(const float* x, float* y, int64_t n, int64_t stride, int64_t lanes, int64_t p) {
  const auto load = [&](const float* q) { return lanes == kLanes ? hn::LoadU(f32, q) : load_n(q, lanes); };
  Vec sum = hn::Zero(f32);
  for (int64_t i = 0; i < n; ++i) {
    const Vec v = load(x + i * stride);
    sum = p == 1 ? hn::Add(sum, hn::Abs(v)) : hn::MulAdd(v, v, sum);
  }
  const Vec norm = p == 1 ? sum : hn::Sqrt(sum);
  const Vec divisor = hn::IfThenElse(hn::Eq(norm, hn::Zero(f32)), vec::set(1.0f), norm);
  for (int64_t i = 0; i < n; ++i) {
    const Vec v = hn::Div(load(x + i * stride), divisor);
    if (lanes == kLanes)
      hn::StoreU(v, f32, y + i * stride);
    else
      store_n(v, y + i * stride, lanes);
  }
}

void lp_row(const float* x, float* y, int64_t n, int64_t p) {
  const float sum = p == 1 ? sum_of(x, n, [](Vec v) { return hn::Abs(v); })
                           : sum_of(x, n, [](Vec v) { return hn::Mul(v, v); });
  const float norm = p == 1 ? sum : std::sqrt(sum);
  const Vec divisor = vec::set(norm == 0 ? 1.0f : norm);
  map(x, y, n, [&](Vec v) { return hn::Div(v, divisor); });
}

std::string lp_supports(const Node& node) {
  const int64_t p = node.i("p", 2);
  return p == 1 || p == 2 ? floats_only(node) : sdk::cat("p = ", p);
}

Compiled lp_compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.inplace = 1;
  c.prepare = [axis = node.i("axis", -1), p = node.i("p", 2)](const Signature& sig) -> Step {
    const std::span<const int64_t> dims = sig.in[0].dims;
    const int64_t rank = int64_t(dims.size()), at = axis < 0 ? axis + rank : axis;
    require(at >= 0 && at < rank, "axis ", axis, " of a tensor of rank ", rank);
    const int64_t outer = sdk::element_count(dims.first(size_t(at))), n = dims[size_t(at)],
                  inner = sdk::element_count(dims.subspan(size_t(at) + 1));
    return {[=](const Buffers& b) {
      const float* x = b.input<float>(0);
      float* y = b.output<float>(0);
      if (inner == 1)
        return parallel(outer, double(n) * 0.2 + 10, [&](int64_t begin, int64_t end) {
          for (int64_t r = begin; r < end; ++r) lp_row(x + r * n, y + r * n, n, p);
        });
      const int64_t groups = ceil_div(inner, kLanes);
      parallel(outer * groups, double(n) * kLanes * 0.2 + 10, [&](int64_t begin, int64_t end) {
        for (int64_t g = begin; g < end; ++g) {
          const int64_t column = g % groups * kLanes, base = g / groups * n * inner + column;
          lp_columns(x + base, y + base, n, inner, std::min<int64_t>(kLanes, inner - column), p);
        }
      });
    }};
  };
  return c;
}

// --------------------------------------------------------------------------------------- LRN

struct LrnShape {
  int64_t c, spatial, before, after;  // channels of the window on both sides
  float alpha, beta, bias;            // alpha divided by the window's size
};

// One channel: x and y point to the channel's row, ch is its number.
void lrn_row(const LrnShape& s, const float* x, float* y, int64_t ch) {
  const int64_t first = std::max<int64_t>(0, ch - s.before), last = std::min(s.c - 1, ch + s.after);
  const Vec alpha = vec::set(s.alpha), bias = vec::set(s.bias), beta = vec::set(-s.beta);
  for (int64_t i = 0; i < s.spatial; i += kLanes) {
    const int64_t lanes = std::min<int64_t>(kLanes, s.spatial - i);
    const auto load = [&](const float* p) { return lanes == kLanes ? hn::LoadU(f32, p) : load_n(p, lanes); };
    Vec sum = hn::Zero(f32);
    for (int64_t k = first; k <= last; ++k) {
      const Vec v = load(x + (k - ch) * s.spatial + i);
      sum = hn::MulAdd(v, v, sum);
    }
    const Vec base = hn::MulAdd(alpha, sum, bias), v = load(x + i);
    // The usual exponent is 0.75: two square roots.
    const Vec root = hn::Sqrt(base);
    const Vec out =
        s.beta == 0.75f ? hn::Div(v, hn::Mul(root, hn::Sqrt(root))) : hn::Mul(v, vec::pow(base, beta));
    if (lanes == kLanes)
      hn::StoreU(out, f32, y + i);
    else
      store_n(out, y + i, lanes);
  }
}

Compiled lrn_compile(const Node& node) {
  const int64_t size = node.i("size");
  require(size > 0, "LRN: size ", size);
  const float alpha = node.f("alpha", 1e-4f) / float(size), beta = node.f("beta", 0.75f),
              bias = node.f("bias", 1.0f);
  Compiled c;
  c.widens = true;
  c.prepare = [=](const Signature& sig) -> Step {
    const Channels d = channels_of(sig.in[0].dims);
    const LrnShape s{d.c, d.spatial, (size - 1) / 2, size / 2, alpha, beta, bias};
    return {[s, rows = d.n * d.c](const Buffers& b) {
      parallel(rows, double(s.spatial) + 5, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          lrn_row(s, b.input<float>(0) + i * s.spatial, b.output<float>(0) + i * s.spatial, i % s.c);
      });
    }};
  };
  return c;
}

}  // namespace

std::span<const Op> norm_ops() {
  static const Op ops[] = {
      {"", "BatchNormalization", batch_norm_supports, batch_norm_compile},
      {"", "InstanceNormalization", floats_only, instance_norm_compile},
      {"", "GroupNormalization", group_norm_supports, group_norm_compile},
      {"", "LayerNormalization", group_norm_supports, layer_norm_compile},
      {"", "RMSNormalization", group_norm_supports, layer_norm_compile},
      {"", "SimplifiedLayerNormalization", group_norm_supports, layer_norm_compile},
      {"com.microsoft", "SimplifiedLayerNormalization", group_norm_supports, layer_norm_compile},
      {"", "LpNormalization", lp_supports, lp_compile},
      {"", "LRN", floats_only, lrn_compile},
  };
  return ops;
}

}  // namespace hrt::cpu
