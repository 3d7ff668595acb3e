// SPDX-License-Identifier: Apache-2.0
// Values to .npy files, each whole or not at all. [any-thread]
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/tensor/value.h"

namespace hrt {

// A tensor to path. The items of a sequence to STEM.0.npy, STEM.1.npy, ...; the keys of a map to
// STEM.keys.npy and its values like a sequence; an absent optional to nothing.
void write_value(const std::filesystem::path& path, const ValuePtr& value);

// The name of an output as that of a file: what file names cannot hold everywhere becomes "_".
std::string file_name(std::string_view name);

}  // namespace hrt
