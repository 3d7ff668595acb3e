// SPDX-License-Identifier: Apache-2.0
// Arithmetic on the output channels of a convolution, moved into its weights and bias: for conv-batchnorm
// and conv-constant.
#pragma once

#include "pass.h"

namespace hrt::passes {

// y * scale[c] + shift[c] for every output channel c of y.
struct Affine {
  std::vector<double> scale;
  std::vector<double> shift;
};

// How many output channels a Conv or ConvTranspose has; nothing when its weights' shape does not say.
std::optional<int64_t> output_channels(const Rewriter& r, const Node& conv);

// Puts a convolution with scaled weights and shifted bias, computed in double and rounded once, in the
// place of `node`, which computes `affine` of what `conv` computes and nothing else uses. Does nothing and
// returns false where weights (to be scaled) or bias are no constants, where a factor is not finite, or
// where scaled weights would lose accuracy (16-bit floats have no room for it).
bool fold_affine(Rewriter& r, const Node& conv, const Node& node, const Affine& affine);

}  // namespace hrt::passes
