// SPDX-License-Identifier: Apache-2.0
// The rotation of pairs of elements that rotary embeddings make.
#pragma once

#include <algorithm>

#include "op.h"

namespace hrt::ops {

// The first 2 * half elements of a head; pairs are neighbours when interleaved, else half apart.
template <class T, class C>
void rotate(const T* in, T* out, const C* cosine, const C* sine, int64_t half, bool interleaved) {
  for (int64_t i = 0; i < half; ++i) {
    const int64_t first = interleaved ? 2 * i : i, second = interleaved ? 2 * i + 1 : i + half;
    const acc_t<T> a = in[first], b = in[second], cs = acc_t<T>(cosine[i]), sn = acc_t<T>(sine[i]);
    out[first] = T(cs * a - sn * b);
    out[second] = T(sn * a + cs * b);
  }
}

}  // namespace hrt::ops
