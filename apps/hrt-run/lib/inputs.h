// SPDX-License-Identifier: Apache-2.0
// The inputs of a model, from what a user says of them. [any-thread]
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "apps/hrt-run/lib/picture.h"
#include "core/execute/session.h"

namespace hrt {

struct InputOptions {
  // "NAME=@FILE", "NAME=random:SEED", "NAME=zeros"; without "NAME=" for a model with one input.
  std::vector<std::string> sources;
  std::vector<std::string> shapes;  // "NAME:1x3x224x224"; likewise
  std::filesystem::path data_dir;   // input_0.pb, input_1.pb, ...; empty: none
  PictureOptions pictures;
};

// One value per input. What has no source is random, seeded with the input's number (generator.h).
// Dimensions that are not known follow --shape, then the other inputs where they share a symbol, then are 1.
// Throws HRT_ERROR_USAGE naming the nearest known input, HRT_ERROR_BAD_DATA for what does not fit.
std::vector<ValuePtr> make_inputs(Runtime& runtime, std::span<const Port> ports, const InputOptions& options);

// The index of the port and what follows its name and the separator. Names may contain the separator.
std::pair<size_t, std::string> split_port(std::span<const Port> ports, const std::string& text,
                                          std::string_view separator, std::string_view what);

// "1x3x224x224", "scalar"; throws HRT_ERROR_USAGE.
Dims parse_dims(std::string_view text);

}  // namespace hrt
