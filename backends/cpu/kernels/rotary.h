// SPDX-License-Identifier: Apache-2.0
// The rotation of pairs of elements that rotary embeddings make.
#pragma once

#include "backends/cpu/kernels/loops.h"

namespace hrt::cpu {

// One row: pairs are neighbours when interleaved, else `half` apart; elements past 2 * half are copied. y may
// be x.
struct Rotation {
  int64_t half = 0, size = 0;
  bool interleaved = false;

  void run(const float* x, const float* cosine, const float* sine, float* y) const;
};

}  // namespace hrt::cpu
