// SPDX-License-Identifier: Apache-2.0
// Values made up for an input that nobody gave: the same on every machine for the same seed.
#pragma once

#include <cstdint>
#include <random>

#include "core/tensor/value.h"

namespace hrt {

// floats, complex    close to N(0, 1): the sum of twelve uniform numbers less six, which needs no function
//                    whose last digit differs between machines
// 8-bit integers     the whole range, as quantised pictures have
// wider integers     0 or 1: valid as token, mask, index and axis alike
// bool               false or true
// strings            four letters
// A sequence has one element, an optional is there. Symbolic dimensions must be numbers by now
// (HRT_ERROR_USAGE).
class Generator {
 public:
  explicit Generator(uint64_t seed) : engine_(seed) {}
  ValuePtr value(const Type& type);

 private:
  Tensor tensor(const Type& type);
  double normal();

  std::mt19937_64 engine_;
};

// All zeros, false, or empty strings; sequences are empty, optionals absent.
ValuePtr zeros(const Type& type);

}  // namespace hrt
