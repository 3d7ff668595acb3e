// SPDX-License-Identifier: Apache-2.0
// What operators that only move elements share, and the parts of their table.
#pragma once

#include "backends/cpu/op.h"

namespace hrt::cpu {

std::span<const Op> pad_ops();
std::span<const Op> gather_ops();

// supports() for an operator that moves elements of input 0 whatever their type, if it has whole bytes.
std::string fixed_size_only(const Node& node);

// An axis that may count from the back, as 0 ... rank-1; throws when it is out of range.
int64_t checked_axis(int64_t axis, int64_t rank);

// A short list of integers read from an operand at run time, without allocating.
struct IntList {
  static constexpr int64_t kMax = 2 * HRT_MAX_RANK;
  int64_t count = 0;
  int64_t v[kMax];
};

// The elements of an int32 or int64 operand: count of them at data. NULL gives an empty list.
IntList read_ints(hrt_dtype dtype, int64_t count, const void* data, const char* what);

}  // namespace hrt::cpu
