// SPDX-License-Identifier: Apache-2.0
// The operators of the fault devices: ONNX's, on float32, in the plainest loops that are right.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hrt::fault {

struct Operand {
  const float* data;
  std::span<const int64_t> dims;
};

struct Result {
  float* data;
  std::span<const int64_t> dims;
};

struct Operator {
  std::string_view name;
  size_t inputs;
  void (*compute)(std::span<const Operand> in, const Result& out);
};

const Operator* find_operator(std::string_view name);  // NULL: there is none

}  // namespace hrt::fault
