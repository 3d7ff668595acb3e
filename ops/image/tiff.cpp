// SPDX-License-Identifier: Apache-2.0
// libtiff reads through functions that know the file's end; what it says goes into the error.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#include <tiffio.h>

#include "codec.h"

namespace hrt::image {
namespace {

constexpr tmsize_t kMemoryLimit = tmsize_t(kPixelLimit) * 8;  // of one piece, 16-bit RGBA being the largest

struct Source {
  File file;
  uint64_t at = 0;
  std::string error;
};

Source& source_of(void* handle) { return *static_cast<Source*>(handle); }

tmsize_t on_read(thandle_t handle, void* out, tmsize_t count) {
  Source& s = source_of(handle);
  const uint64_t left = s.file.size() - std::min<uint64_t>(s.at, s.file.size());
  const auto n = size_t(std::min<uint64_t>(left, uint64_t(std::max<tmsize_t>(count, 0))));
  if (n > 0) std::memcpy(out, s.file.data() + s.at, n);
  s.at += n;
  return tmsize_t(n);
}

toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
  Source& s = source_of(handle);
  s.at = offset + (whence == SEEK_CUR ? s.at : whence == SEEK_END ? s.file.size() : 0);
  return s.at;
}

int on_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  char text[200];
  std::vsnprintf(text, sizeof text, format, arguments);
  Source& s = source_of(user);
  if (s.error.empty()) s.error = text;
  return 1;  // handled: nothing on standard error
}
int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

using Options = std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)>;
using Handle = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

Handle open(Source& source) {
  const Options options(TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  require(options != nullptr, "no memory for a TIFF reader");
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMemoryLimit);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &source);
  // "m": no mapping; the file lies in memory already.
  return Handle(
      TIFFClientOpenExt(
          "picture", "rm", &source, on_read, [](thandle_t, void*, tmsize_t) -> tmsize_t { return 0; },
          on_seek, [](thandle_t) { return 0; },
          [](thandle_t h) -> toff_t { return source_of(h).file.size(); }, nullptr, nullptr, options.get()),
      TIFFClose);
}

}  // namespace

bool is_tiff(File file) {
  return file.size() >= 8 &&
         (std::memcmp(file.data(), "II*\0", 4) == 0 || std::memcmp(file.data(), "MM\0*", 4) == 0 ||
          std::memcmp(file.data(), "II+\0", 4) == 0 || std::memcmp(file.data(), "MM\0+", 4) == 0);
}

Picture decode_tiff(File file) {
  Source source{file, 0, {}};
  const Handle tiff = open(source);
  require(tiff != nullptr, "broken TIFF: ", source.error);
  uint32_t width = 0, height = 0;
  TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
  Picture p = make_picture(width, height);
  std::vector<uint32_t> rgba(size_t(width) * height);
  const bool read = TIFFReadRGBAImageOriented(tiff.get(), width, height, rgba.data(), ORIENTATION_TOPLEFT, 1);
  require(read, "broken TIFF: ", source.error);
  for (size_t i = 0; i < rgba.size(); ++i) {
    p.rgb[i * 3] = uint8_t(TIFFGetR(rgba[i]));
    p.rgb[i * 3 + 1] = uint8_t(TIFFGetG(rgba[i]));
    p.rgb[i * 3 + 2] = uint8_t(TIFFGetB(rgba[i]));
  }
  return p;
}

}  // namespace hrt::image
