// SPDX-License-Identifier: Apache-2.0
// One operator, run through the registry and the core, on cases that stand in text files:
//
//     case conv_dilated                      a name
//     op Conv [domain]
//     attr dilations ints 2 2                int, float, string, ints, floats, strings
//     attr value tensor int64 2 : 5 6        as inputs are written
//     in float32 1x1x3x3 : 1 2 3 ...         dims, then elements: numbers, nan, inf; %20-coded text
//     in - :                                 an absent optional input
//     out float32 1x1x1x1 : 45               what is expected of each output; "out - :" is not wanted
//     tolerance 1e-4 1e-6                    relative and absolute; default 1e-5, 1e-6
//     error does not fit                     instead of out: the message has this in it
//
// "scalar" is the shape without dims. An empty line or a line that begins with # means nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/graph/graph.h"

namespace hrt::test {

struct OpCase {
  std::string name;
  std::string op;
  std::string domain;
  std::vector<Attribute> attributes;
  std::vector<Tensor> inputs;    // empty(): absent
  std::vector<Tensor> expected;  // empty(): not wanted
  double relative = 1e-5;
  double absolute = 1e-6;
  std::string error;  // a part of the message, when the operator must refuse
};

std::vector<OpCase> read_cases(const std::filesystem::path& file);

// How much inference is told about the inputs; with kSymbols, a symbol of its own for each dimension.
enum class Known { kData, kShapes, kSymbols, kRanks, kNothing };

// What inference said is not what came out.
struct Disagreement : std::runtime_error {
  using runtime_error::runtime_error;
};
// Inference says that an output has more bytes than the limit.
struct TooLarge : std::exception {};

// Infers and runs. Throws what the operator answers, and the above.
std::vector<Tensor> run(const OpCase& c, Known known, uint64_t output_limit = UINT64_MAX);

// The first difference, "" when there is none.
std::string compare(const Tensor& got, const Tensor& expected, double relative, double absolute);

}  // namespace hrt::test
