// SPDX-License-Identifier: Apache-2.0
// layer-normalization: the normalisation over the last axes spelled out becomes LayerNormalization.
//
//     x ─┬──────────── Sub ─┬─────────────────────────────── Div ── Mul(gamma) ── Add(beta) ──▶ y
//        └─ ReduceMean ─┘   └─ Pow(2) ─ ReduceMean ─ Add(epsilon) ─ Sqrt ─┘
//
//     =>     x ── LayerNormalization(gamma, beta) ──▶ y
//
// Mul(d, d) may stand for Pow(d, 2); gamma and beta may be missing, and are taken along only when their
// shape is that of the axes normalised. Must not fire when somebody else uses what lies inside, when the
// two means go over different axes, or over others than the last ones, without keepdims, for float64
// (LayerNormalization computes in float32).
#include <algorithm>
#include <numeric>

#include "pass.h"

namespace hrt::passes {
namespace {

constexpr int64_t kMaxOnes = 1 << 20;  // elements of the scale that LayerNormalization must have

// The first of the last axes that a ReduceMean with keepdims goes over.
std::optional<int64_t> first_axis(const Rewriter& r, const Node& mean, int64_t rank) {
  if (mean.i("keepdims", 1) == 0) return std::nullopt;
  auto axes = r.integers(mean.input(1));
  if (axes) axes = normalise_axes(*axes, rank);
  if (!axes || axes->empty()) return std::nullopt;
  std::sort(axes->begin(), axes->end());
  Dims last(axes->size());
  std::iota(last.begin(), last.end(), rank - int64_t(last.size()));
  return *axes == last ? std::optional(last[0]) : std::nullopt;
}

struct Match {
  uint32_t x;
  int64_t axis;
  double epsilon;
};

// value is x - mean(x) over the last axes.
std::optional<Match> match_centred(const Rewriter& r, uint32_t value) {
  const auto sub = r.producer(value, "Sub");
  const auto mean = sub ? r.sole_producer(sub->input(1), "ReduceMean") : std::nullopt;
  if (!mean || mean->input(0) != sub->input(0) || !r.value(sub->input(0)).ranked()) return std::nullopt;
  const auto axis = first_axis(r, *mean, r.value(sub->input(0)).rank());
  return axis ? std::optional(Match{sub->input(0), *axis, 0}) : std::nullopt;
}

// The node that squares d, when value is its result and nobody else uses that.
std::optional<Node> square_of(const Rewriter& r, uint32_t value, uint32_t d) {
  const auto node = r.sole_producer(value);
  if (!node || node->input(0) != d) return std::nullopt;
  if (node->is("Mul") && node->input(1) == d) return node;
  const bool pow = node->is("Pow") && r.is_scalar(node->input(1), 2) && r.keeps_shape(node->input(1), d);
  return pow ? node : std::nullopt;
}

std::optional<Match> match(const Rewriter& r, const Node& div) {
  const uint32_t d = div.input(0);
  auto m = match_centred(r, d);
  const auto sqrt = r.sole_producer(div.input(1), "Sqrt");
  const auto sum = sqrt ? r.sole_producer(sqrt->input(0), "Add") : std::nullopt;
  if (!m || !sum) return std::nullopt;
  for (const auto& [variance, epsilon] : both_orders(*sum)) {
    const auto mean = r.sole_producer(variance, "ReduceMean");
    if (!mean || !r.scalar(epsilon) || !r.keeps_shape(epsilon, variance)) continue;
    const auto square = square_of(r, mean->input(0), d);
    if (!square || first_axis(r, *mean, r.value(m->x).rank()) != m->axis) continue;
    const Value centred = r.value(d);
    const bool inside = std::all_of(centred.consumers().begin(), centred.consumers().end(),
                                    [&](uint32_t n) { return n == square->id() || n == div.id(); });
    if (!inside || centred.is_output()) continue;
    m->epsilon = *r.scalar(epsilon);
    return m;
  }
  return std::nullopt;
}

// The node of this operator that alone uses `value`, and combines it with a tensor of shape `dims`:
// the node and that tensor.
struct Parameter {
  uint32_t node;
  uint32_t value;
};
std::optional<Parameter> parameter_behind(const Rewriter& r, uint32_t value, std::string_view op,
                                          std::span<const int64_t> dims) {
  if (!r.single_use(value)) return std::nullopt;
  const Node user = r.node(r.value(value).consumers()[0]);
  if (!user.is(op)) return std::nullopt;
  for (const auto& [a, b] : both_orders(user))
    if (a == value && r.value(b).ranked() && same_shape(r.value(b).dims(), dims))
      return Parameter{user.id(), b};
  return std::nullopt;
}

bool rewrite(Rewriter& r, const Node& div) {
  if (!div.is("Div") || !div.has_input(1)) return false;
  const hrt_dtype dtype = r.value(div.output(0)).dtype();
  if (!is_float(dtype) || dtype == HRT_FLOAT64) return false;
  const auto m = match(r, div);
  if (!m) return false;

  const Value x = r.value(m->x);
  const Dims dims(x.dims().begin() + m->axis, x.dims().end());
  const int64_t rank = x.rank();
  uint32_t last = div.id();
  const auto gamma = parameter_behind(r, div.output(0), "Mul", dims);
  if (gamma) last = gamma->node;
  const auto beta = parameter_behind(r, r.node(last).output(0), "Add", dims);
  if (beta) last = beta->node;
  if (!gamma && !(all_numbers(dims) && element_count(dims) <= kMaxOnes)) return false;

  const uint32_t scale =
      gamma ? gamma->value : r.add_floats(dtype, dims, std::vector<double>(size_t(element_count(dims)), 1.0));
  std::vector<uint32_t> inputs = {m->x, scale};
  if (beta) inputs.push_back(beta->value);
  r.replace(last, {.op = "LayerNormalization",
                   .inputs = inputs,
                   .attrs = {Attr::of("axis", m->axis - rank), Attr::of("epsilon", float(m->epsilon))}});
  return true;
}

const Register layer_normalization({"layer-normalization",
                                    "mean, variance and scaling spelled out become LayerNormalization",
                                    HRT_PHASE_FUSE, rewrite});

}  // namespace
}  // namespace hrt::passes
