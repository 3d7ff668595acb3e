// SPDX-License-Identifier: Apache-2.0
// Sound files (WAV, FLAC, Ogg and what else libsndfile reads) as inputs: mono samples, -1 to 1. [any-thread]
#pragma once

#include <filesystem>
#include <vector>

#include "core/tensor/tensor.h"

namespace hrt {

struct Sound {
  int sample_rate = 0;
  std::vector<float> samples;  // the mean of the channels
};

// Throws HRT_ERROR_BAD_DATA naming the file for what is broken, truncated, or over 2^26 samples.
Sound read_sound(const std::filesystem::path& path);

// The samples as an input of this type: N, 1xN or 1x1xN, where N is as many samples as there are, or not
// yet known. Throws HRT_ERROR_BAD_DATA when they do not fit, naming both lengths.
Tensor sound_tensor(const Sound& sound, const Type& type);

}  // namespace hrt
