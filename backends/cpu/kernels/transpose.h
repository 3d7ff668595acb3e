// SPDX-License-Identifier: Apache-2.0
// Four rows of floats as columns of a packed panel.
#pragma once

#include "backends/cpu/simd.h"

namespace hrt::cpu {

// to[d * width + r] = scale * rows[r][d] for r < 4, d < n.
inline void transpose4(const float* const* rows, float scale, int64_t n, int64_t width, float* to) {
  const hn::FixedTag<float, 4> d4;
  const auto s = hn::Set(d4, scale);
  int64_t d = 0;
  for (; d + 4 <= n; d += 4) {
    const auto a = hn::LoadU(d4, rows[0] + d), b = hn::LoadU(d4, rows[1] + d), c = hn::LoadU(d4, rows[2] + d),
               e = hn::LoadU(d4, rows[3] + d);
    const auto ac0 = hn::InterleaveLower(d4, a, c), ac1 = hn::InterleaveUpper(d4, a, c),
               be0 = hn::InterleaveLower(d4, b, e), be1 = hn::InterleaveUpper(d4, b, e);
    hn::StoreU(hn::Mul(s, hn::InterleaveLower(d4, ac0, be0)), d4, to + d * width);
    hn::StoreU(hn::Mul(s, hn::InterleaveUpper(d4, ac0, be0)), d4, to + (d + 1) * width);
    hn::StoreU(hn::Mul(s, hn::InterleaveLower(d4, ac1, be1)), d4, to + (d + 2) * width);
    hn::StoreU(hn::Mul(s, hn::InterleaveUpper(d4, ac1, be1)), d4, to + (d + 3) * width);
  }
  for (; d < n; ++d)
    for (int r = 0; r < 4; ++r) to[d * width + r] = scale * rows[r][d];
}

}  // namespace hrt::cpu
