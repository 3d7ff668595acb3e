// SPDX-License-Identifier: Apache-2.0
// A file as the value of a model's input, by the file's extension:
//   .npy                       the array as it is (npy.h)
//   .pb                        a value in an importer's format
//   .png .jpg .jpeg .bmp       a picture (picture.h)
//   .wav .flac .ogg            mono sound (sound.h)
//   .bin .raw                  the bytes of the tensor, row-major, little-endian, exactly as many as it has
// Errors name the file. Whether the value fits the input is for Request::set_input to say, but where the
// shape is needed to read the file. [any-thread]
#pragma once

#include <filesystem>

#include "apps/hrt-run/lib/picture.h"
#include "core/execute/runtime.h"
#include "core/tensor/value.h"

namespace hrt {

ValuePtr read_input_file(Runtime& runtime, const std::filesystem::path& path, const Type& type,
                         const PictureOptions& pictures);

}  // namespace hrt
