// SPDX-License-Identifier: Apache-2.0
// The rows of attention_ops(), by file.
#pragma once

#include "backends/gpu_common/ops/attend.h"

namespace hrt::gpu {

std::span<const Op> contrib_attention_ops();  // Attention, MultiHeadAttention, GroupQueryAttention
std::span<const Op> rotary_ops();             // RotaryEmbedding of both domains
std::span<const Op> linear_attention_ops();   // LinearAttention, CausalConvWithState

}  // namespace hrt::gpu
