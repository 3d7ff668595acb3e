// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/elementwise.h"

namespace hrt::cpu {

std::span<const Op> elementwise_ops() {
  static const std::vector<Op> ops = [] {
    std::vector<Op> all;
    for (const auto part : {unary_ops(), binary_ops(), cast_ops()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return ops;
}

}  // namespace hrt::cpu
