// SPDX-License-Identifier: Apache-2.0
// Pools with a window (kernels/pool.comp), as operators and as steps of others.
#pragma once

#include <optional>

#include "backends/gpu_common/ops/window.h"

namespace hrt::gpu {

struct PoolAttributes {
  enum Kind : int32_t { kMax, kAverage, kLp };
  explicit PoolAttributes(const Node& node);

  WindowAttrs window;
  Dims kernel, pads;
  bool given;  // pads are, not auto_pad
  Kind op;
  float order;        // of the norm
  bool with_padding;  // counts for averages
  int32_t places;     // how they are numbered
};

// A tensor (batch, channels, up to 3 spatial dims).
struct Planes {
  Ref ref;
  Dims dims;
};
void emit_pool(Emit& emit, const PoolAttributes& attributes, hrt_dtype dtype, const Planes& x,
               const Planes& y, std::optional<Ref> places = std::nullopt);

}  // namespace hrt::gpu
