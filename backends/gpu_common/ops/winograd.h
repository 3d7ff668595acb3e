// SPDX-License-Identifier: Apache-2.0
// 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): 36 multiplications for what 144 do directly. Input
// and products are transformed on the device, weights here, once. Lavin and Gray, arXiv:1509.09308.
#pragma once

#include "backends/gpu_common/ops/product.h"
#include "backends/gpu_common/ops/window.h"

namespace hrt::gpu {

struct Winograd {
  int64_t oc, ic, images;
  Dims3 in, out, pad;
  size_t weight;    // of upload_winograd
  bool tiles_left;  // the transformed input is the product's left factor
  Epilogue e;
};

// Whether so few tiles of the output are better rows of a product than columns, of which kernels have more.
bool wants_tiles_left(const Caps& caps, int64_t tiles, int64_t ic);
// weights: oc x ic x 3 x 3.
size_t upload_winograd(Uploads& uploads, const sdk::Tensor& weights, bool tiles_left);
// Input 0 is x, 2 the bias, 3 the residual.
void emit_winograd(Emit& emit, const Winograd& w);

}  // namespace hrt::gpu
