// SPDX-License-Identifier: Apache-2.0
// conv-constant: adding to, or multiplying, the output channels of a convolution by constants moves into
// its bias and weights.
//
//     x ── Conv ── Add(c) ──▶ y      =>      x ── Conv' ──▶ y      c: one value, or one per channel
//
// Also Sub, Mul and Div, and behind ConvTranspose. Must not fire when somebody else uses the
// convolution's output, when the constant varies along another axis or raises the rank, or when weights
// (for Mul and Div) or bias are no constants.
#include "conv.h"

namespace hrt::passes {
namespace {

// One value per channel of a constant that broadcasts against (N, channels, D...) along axis 1 alone.
std::optional<std::vector<double>> per_channel(const Tensor& constant, int64_t rank, int64_t channels) {
  if (constant.rank() > rank || !is_float(constant.dtype())) return std::nullopt;
  const int64_t axis = 1 - (rank - constant.rank());  // of the constant; negative: it has no such axis
  for (int64_t i = 0; i < constant.rank(); ++i)
    if (constant.dim(int(i)) != 1 && (i != axis || constant.dim(int(i)) != channels)) return std::nullopt;
  auto values = to_doubles(constant);
  if (values.size() == size_t(channels)) return values;
  return std::vector<double>(size_t(channels), values.at(0));
}

Affine affine_of(std::string_view op, const std::vector<double>& c) {
  Affine a{std::vector<double>(c.size(), 1.0), std::vector<double>(c.size(), 0.0)};
  for (size_t i = 0; i < c.size(); ++i) {
    if (op == "Add") a.shift[i] = c[i];
    if (op == "Sub") a.shift[i] = -c[i];
    if (op == "Mul") a.scale[i] = c[i];
    if (op == "Div") a.scale[i] = 1 / c[i];
  }
  return a;
}

bool rewrite(Rewriter& r, const Node& node) {
  const bool commutes = node.is("Add") || node.is("Mul");
  if (!commutes && !node.is("Sub") && !node.is("Div")) return false;
  const auto orders = both_orders(node);
  for (size_t order = 0; order < (commutes ? 2 : 1); ++order) {
    const auto [y, c] = orders[order];
    auto conv = r.sole_producer(y, "Conv");
    if (!conv) conv = r.sole_producer(y, "ConvTranspose");
    const auto constant = r.value(c).constant();
    if (!conv || !constant) continue;
    const auto channels = output_channels(r, *conv);
    if (!channels) continue;
    const auto values = per_channel(*constant, r.value(conv->input(1)).rank(), *channels);
    if (values && fold_affine(r, *conv, node, affine_of(node.op(), *values))) return true;
  }
  return false;
}

const Register conv_constant({"conv-constant", "arithmetic with constants moves into a convolution's weights",
                              HRT_PHASE_FUSE, rewrite});

}  // namespace
}  // namespace hrt::passes
