// SPDX-License-Identifier: Apache-2.0
// libpng reports errors by longjmp: what it may jump over lives outside of the function that calls it,
// and has no destructors inside.
#include <png.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include "codec.h"

namespace hrt::image {
namespace {

struct Reader {
  std::span<const std::byte> file;
  size_t at = 0;
  std::array<char, 160> error{};
  png_structp png = nullptr;
  png_infop info = nullptr;

  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
  std::snprintf(reader->error.data(), reader->error.size(), "%s", message);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep out, size_t count) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (count > reader->file.size() - reader->at) png_error(png, "the file is cut off");
  std::memcpy(out, reader->file.data() + reader->at, count);
  reader->at += count;
}

// Everything up to the size of the picture, with all conversions set up; false: reader.error says why.
bool read_header(Reader& reader, uint32_t& width, uint32_t& height) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_read_fn(reader.png, &reader, on_read);
  png_set_user_limits(reader.png, kPixelLimit, kPixelLimit);
  png_set_chunk_cache_max(reader.png, 128);
  png_set_chunk_malloc_max(reader.png, 8u << 20);
  png_read_info(reader.png, reader.info);
  png_set_expand(reader.png);
  png_set_strip_16(reader.png);
  png_set_strip_alpha(reader.png);
  png_set_gray_to_rgb(reader.png);
  png_set_interlace_handling(reader.png);
  width = png_get_image_width(reader.png, reader.info);
  height = png_get_image_height(reader.png, reader.info);
  png_read_update_info(reader.png, reader.info);
  if (png_get_rowbytes(reader.png, reader.info) != size_t(width) * 3)
    png_error(reader.png, "unexpected layout of pixels");
  return true;
}

bool read_rows(Reader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, nullptr);
  return true;
}

}  // namespace

bool is_png(std::span<const std::byte> file) {
  return file.size() >= 8 && png_sig_cmp(reinterpret_cast<png_const_bytep>(file.data()), 0, 8) == 0;
}

Picture decode_png(std::span<const std::byte> file) {
  Reader reader{.file = file};
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  if (reader.png) reader.info = png_create_info_struct(reader.png);
  if (!reader.info) throw Error(HRT_ERROR_MEMORY, "no memory for a PNG reader");
  Picture picture;
  if (!read_header(reader, picture.width, picture.height)) fail("broken PNG: ", reader.error.data());
  check_picture_size(picture.width, picture.height);
  picture.rgb.resize(size_t(picture.width) * picture.height * 3);
  std::vector<png_bytep> rows(picture.height);
  for (size_t y = 0; y < rows.size(); ++y) rows[y] = &picture.rgb[y * picture.width * 3];
  if (!read_rows(reader, rows.data())) fail("broken PNG: ", reader.error.data());
  return picture;
}

}  // namespace hrt::image
