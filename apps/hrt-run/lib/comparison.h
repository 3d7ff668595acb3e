// SPDX-License-Identifier: Apache-2.0
// Are two values the same, within a tolerance? NumPy's rule: |actual - expected| <= atol + rtol * |expected|,
// NaN equals NaN, infinities equal themselves. Strings, sequences, optionals and maps: element by element.
// [any-thread]
#pragma once

#include <cstdint>
#include <string>

#include "core/tensor/value.h"

namespace hrt {

// The defaults are those of ONNX's backend tests.
struct Tolerance {
  double rtol = 1e-3;
  double atol = 1e-7;
  double bfloat16_rtol = 0;  // of bfloat16 at least this much
};

struct Comparison {
  std::string difference;  // empty: the values agree; else one line: what differs, and where
  uint64_t elements = 0;   // compared
  uint64_t mismatches = 0;
  double max_abs = 0;  // largest |actual - expected| of finite elements
  double max_rel = 0;  // largest |actual - expected| / |expected| where expected is not 0
  double cosine = 1;   // of all finite elements as one vector; 1 when both are zero

  bool equal() const { return difference.empty(); }
};

Comparison compare(const ValuePtr& actual, const ValuePtr& expected, const Tolerance& tolerance);
Comparison compare(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance);

}  // namespace hrt
