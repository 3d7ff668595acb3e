// SPDX-License-Identifier: Apache-2.0
// MaxPool of 8-bit tensors, which quantized networks have, in the plain layout.
#pragma once

#include "backends/cpu/op.h"

namespace hrt::cpu {

bool is_byte_pool(const Node& node);  // of int8 or uint8, without indices
Compiled compile_byte_max_pool(const Node& node);

}  // namespace hrt::cpu
