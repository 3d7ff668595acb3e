// SPDX-License-Identifier: Apache-2.0
// conv-batchnorm: the normalisation by fixed statistics, an affine map per channel, moves into the
// weights and bias of the convolution before or behind it.
//
//     x ── Conv ── BatchNormalization ──▶ y      =>      x ── Conv' ──▶ y
//     x ── BatchNormalization ── Conv ──▶ y      =>      x ── Conv' ──▶ y
//
// Must not fire when somebody else uses the value between the two, in training mode, when weights or
// statistics are no constants, or when a statistic makes the scale infinite. In the second form not with
// padding either: zeros are padded behind the normalisation, where they are not its image of anything.
#include <algorithm>
#include <cmath>

#include "conv.h"

namespace hrt::passes {
namespace {

// The map that a BatchNormalization applies to each channel: scale = gamma / sqrt(variance + epsilon),
// shift = beta - mean * scale.
std::optional<Affine> affine_of(const Rewriter& r, const Node& bn) {
  if (bn.i("training_mode", 0) != 0) return std::nullopt;
  std::vector<double> gamma, beta, mean, variance;
  std::vector<double>* const parameters[] = {&gamma, &beta, &mean, &variance};
  for (size_t i = 0; i < 4; ++i) {
    if (!bn.has_input(i + 1)) return std::nullopt;
    const auto t = r.value(bn.input(i + 1)).constant();
    if (!t) return std::nullopt;
    *parameters[i] = to_doubles(*t);
    if (parameters[i]->empty() || parameters[i]->size() != gamma.size()) return std::nullopt;
  }
  const double epsilon = double(bn.f("epsilon", 1e-5f));
  Affine a;
  for (size_t c = 0; c < gamma.size(); ++c) {
    a.scale.push_back(gamma[c] / std::sqrt(variance[c] + epsilon));
    a.shift.push_back(beta[c] - mean[c] * a.scale[c]);
    if (!std::isfinite(a.scale[c]) || !std::isfinite(a.shift[c])) return std::nullopt;
  }
  return a;
}

bool fold_into_producer(Rewriter& r, const Node& bn) {
  auto conv = r.sole_producer(bn.input(0), "Conv");
  if (!conv) conv = r.sole_producer(bn.input(0), "ConvTranspose");
  if (!conv) return false;
  const auto affine = affine_of(r, bn);
  return affine && fold_affine(r, *conv, bn, *affine);
}

bool pads_nothing(const Node& conv) {
  const std::string automatic = conv.s("auto_pad", "NOTSET");
  if (automatic == "VALID") return true;
  const Dims pads = conv.ints("pads");
  return automatic == "NOTSET" && std::all_of(pads.begin(), pads.end(), [](int64_t p) { return p == 0; });
}

// conv(x * scale + shift): each weight takes the scale of its input channel, and each bias the sum of its
// weights times the shifts.
bool fold_into_consumer(Rewriter& r, const Node& conv) {
  const auto bn = r.sole_producer(conv.input(0), "BatchNormalization");
  const auto channels = output_channels(r, conv);
  if (!bn || !channels || !pads_nothing(conv)) return false;
  const auto affine = affine_of(r, *bn);
  const auto w = r.value(conv.input(1)).constant();
  if (!affine || !w || (w->dtype() != HRT_FLOAT32 && w->dtype() != HRT_FLOAT64)) return false;
  const int64_t group = conv.i("group", 1), in_group = w->dim(1), out_group = *channels / group;
  if (affine->scale.size() != size_t(in_group * group)) return false;

  std::vector<double> bias(size_t(*channels), 0.0);
  if (conv.has_input(2)) {
    const auto b = r.value(conv.input(2)).constant();
    if (!b || b->size() != *channels) return false;
    bias = to_doubles(*b);
  }
  std::vector<double> weights = to_doubles(*w);
  const int64_t taps = element_count(w->dims().subspan(2));
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t out = int64_t(i) / (in_group * taps);
    const size_t in = size_t(out / out_group * in_group + int64_t(i) / taps % in_group);
    bias[size_t(out)] += weights[i] * affine->shift[in];
    weights[i] *= affine->scale[in];
  }

  const hrt_dtype dtype = w->dtype();
  const Dims w_dims(w->dims().begin(), w->dims().end());
  const uint32_t id = conv.id(), x = bn->input(0);
  const uint32_t new_w = r.add_floats(dtype, w_dims, weights);
  const uint32_t new_b = r.add_floats(dtype, {*channels}, bias);
  r.replace(id, {.op = "Conv", .inputs = {x, new_w, new_b}, .attrs = attributes_of(r.node(id))});
  return true;
}

bool rewrite(Rewriter& r, const Node& node) {
  if (node.is("BatchNormalization")) return fold_into_producer(r, node);
  return node.is("Conv") && fold_into_consumer(r, node);
}

const Register conv_batchnorm({"conv-batchnorm", "BatchNormalization moves into the weights of a convolution",
                               HRT_PHASE_FUSE, rewrite});

}  // namespace
}  // namespace hrt::passes
