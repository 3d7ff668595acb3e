// SPDX-License-Identifier: Apache-2.0
// What a graph and its nested bodies hold. [any-thread]
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/graph/graph.h"

namespace hrt {

struct Census {
  std::map<std::string, size_t> operators;  // how many nodes, by "Conv", "hrt.FusedConv"
  size_t nodes = 0;
  uint64_t parameters = 0;  // elements of constants
  uint64_t bytes = 0;       // of constants
};

Census take_census(const Graph& graph);

}  // namespace hrt
