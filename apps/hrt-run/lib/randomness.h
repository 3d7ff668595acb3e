// SPDX-License-Identifier: Apache-2.0
// Outputs that depend on an operator that draws random numbers. No seed of another implementation gives the
// recorded values, so that they can be held against them in type, shape and range alone. [any-thread]
#pragma once

#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/tensor/value.h"

namespace hrt {

// For each output of the graph: does it depend on a nondeterministic operator, in a nested body too?
std::vector<bool> random_outputs(const Graph& graph);

// What rules out that two runs of the same model gave these values, or "": kind, element type and shape are
// the same; where all that was recorded is 0 and 1 (the draws of Bernoulli), so is all that is there; where
// all that was recorded is finite, so is what is there.
std::string implausible(const ValuePtr& actual, const ValuePtr& recorded);

}  // namespace hrt
