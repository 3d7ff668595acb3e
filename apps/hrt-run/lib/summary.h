// SPDX-License-Identifier: Apache-2.0
// What a tensor holds, in a few figures. [any-thread]
#pragma once

#include <string>
#include <vector>

#include "core/tensor/value.h"

namespace hrt {

struct Summary {  // of a numeric tensor; complex numbers count as two
  uint64_t count = 0;
  uint64_t nan = 0;
  uint64_t infinite = 0;
  double min = 0, max = 0, mean = 0, std = 0;  // of the finite ones; 0 when there are none
  std::vector<double> first;                   // up to eight
};

Summary summarise(const Tensor& tensor);
std::string to_string(const Summary& summary);

struct Rank {
  uint64_t index;
  double value;
};

// The largest elements of each row, best first; among equals the lower index. A tensor of rank 2 and more has
// as many rows as its first dimension, another has one. softmax: of each row's softmax.
std::vector<std::vector<Rank>> top_k(const Tensor& tensor, size_t k, bool softmax);

// A value in a line: the summary of a tensor's numbers, texts, or what a sequence has inside.
std::string describe(const ValuePtr& value);

}  // namespace hrt
