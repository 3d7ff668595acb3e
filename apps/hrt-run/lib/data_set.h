// SPDX-License-Identifier: Apache-2.0
// Directories in the form of ONNX's backend tests: test_data_set_N with input_0.pb, input_1.pb, ... and
// output_0.pb, ..., one file per input and output of the model, in order. [any-thread]
#pragma once

#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "core/execute/session.h"

namespace hrt {

// Reads all PREFIX_i.pb of the directory; there may be none. Throws HRT_ERROR_BAD_DATA naming the file, or
// both counts when there are files, but not as many as ports.
std::vector<ValuePtr> read_data(Runtime& runtime, const std::filesystem::path& directory,
                                std::string_view prefix, std::span<const Port> ports);

}  // namespace hrt
