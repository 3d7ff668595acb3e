// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/input_file.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "apps/hrt-run/lib/npy.h"
#include "apps/hrt-run/lib/sound.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"

namespace hrt {
namespace {

Tensor read_raw(const std::filesystem::path& path, const Type& type) {
  const auto file = MappedFile::open(path);
  return with_context(path.string(), [&] {
    if (!type.is_static() || type.dtype() == HRT_STRING || type.dtype() == HRT_UNDEFINED)
      fail(HRT_ERROR_BAD_DATA, "raw bytes are no {}; a shape can be given with --shape", to_string(type));
    Tensor tensor = Tensor::allocate(type.dtype(), Dims(type.dims().begin(), type.dims().end()));
    if (file->bytes().size() != tensor.bytes())
      fail(HRT_ERROR_BAD_DATA, "{} bytes, where {} takes {}", file->bytes().size(), to_string(type),
           tensor.bytes());
    if (tensor.bytes() > 0) std::memcpy(tensor.data(), file->bytes().data(), tensor.bytes());
    return tensor;
  });
}

}  // namespace

ValuePtr read_input_file(Runtime& runtime, const std::filesystem::path& path, const Type& type,
                         const PictureOptions& pictures) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return char(std::tolower(c)); });
  const auto is = [&](auto... names) { return ((extension == names) || ...); };

  if (is(".pb")) return runtime.load_value(path, type);
  if (type.kind() == HRT_KIND_OPTIONAL)
    return make_optional(type.element(), read_input_file(runtime, path, type.element(), pictures));
  if (is(".npy"))
    return make_value(read_npy(path, type.is_tensor() ? type.dtype() : hrt_dtype(HRT_UNDEFINED)));
  if (is(".png", ".jpg", ".jpeg", ".bmp")) {
    const Picture picture = read_picture(path);
    return with_context(path.string(), [&] { return make_value(picture_tensor(picture, type, pictures)); });
  }
  if (is(".wav", ".flac", ".ogg")) {
    const Sound sound = read_sound(path);
    return with_context(path.string(), [&] { return make_value(sound_tensor(sound, type)); });
  }
  if (is(".bin", ".raw")) return make_value(read_raw(path, type));
  fail(HRT_ERROR_USAGE,
       "{}: nothing known of files ending in \"{}\"; what can be read: .npy .pb .png .jpg .bmp .wav .flac "
       ".ogg .bin",
       path.string(), extension);
}

}  // namespace hrt
