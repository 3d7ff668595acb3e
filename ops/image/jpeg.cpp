// SPDX-License-Identifier: Apache-2.0
// libjpeg reports errors by longjmp: what it may jump over lives outside of the function that calls it,
// and has no destructors inside. Its warnings about corrupt data are errors here.
#include <csetjmp>
#include <cstdio>
// After <cstdio>, which it needs and does not include.
#include <jpeglib.h>

#include "codec.h"

namespace hrt::image {
namespace {

constexpr int kScanLimit = 200;  // a progressive file needs about ten; each costs a walk over all pixels

struct Reader {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf jump{};
  char message[JMSG_LENGTH_MAX] = "";

  ~Reader() { jpeg_destroy_decompress(&jpeg); }
};

Reader& reader_of(j_common_ptr jpeg) { return *static_cast<Reader*>(jpeg->client_data); }

[[noreturn]] void on_error(j_common_ptr jpeg) {
  jpeg->err->format_message(jpeg, reader_of(jpeg).message);
  std::longjmp(reader_of(jpeg).jump, 1);
}

void on_message(j_common_ptr jpeg, int level) {
  if (level < 0) on_error(jpeg);
}

void on_progress(j_common_ptr jpeg) {
  auto& reader = reader_of(jpeg);
  if (reader.jpeg.input_scan_number <= kScanLimit) return;
  std::snprintf(reader.message, sizeof reader.message, "over %d scans", kScanLimit);
  std::longjmp(reader.jump, 1);
}

bool read_header(Reader& reader, std::span<const std::byte> file) {
  if (setjmp(reader.jump)) return false;
  jpeg_create_decompress(&reader.jpeg);
  reader.jpeg.progress = &reader.progress;
  reader.progress.progress_monitor = on_progress;
  jpeg_mem_src(&reader.jpeg, reinterpret_cast<const unsigned char*>(file.data()),
               static_cast<unsigned long>(file.size()));
  jpeg_read_header(&reader.jpeg, TRUE);
  return true;
}

bool read_rows(Reader& reader, uint8_t* rgb) {
  if (setjmp(reader.jump)) return false;
  reader.jpeg.out_color_space = JCS_RGB;
  jpeg_start_decompress(&reader.jpeg);
  while (reader.jpeg.output_scanline < reader.jpeg.output_height) {
    JSAMPROW row = rgb + size_t(reader.jpeg.output_scanline) * reader.jpeg.output_width * 3;
    jpeg_read_scanlines(&reader.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&reader.jpeg);
  return true;
}

}  // namespace

bool is_jpeg(std::span<const std::byte> file) {
  return file.size() >= 3 && file[0] == std::byte{0xff} && file[1] == std::byte{0xd8} &&
         file[2] == std::byte{0xff};
}

Picture decode_jpeg(std::span<const std::byte> file) {
  Reader reader;
  reader.jpeg.client_data = &reader;
  reader.jpeg.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  if (!read_header(reader, file)) fail("broken JPEG: ", reader.message);
  if (reader.jpeg.jpeg_color_space != JCS_GRAYSCALE && reader.jpeg.jpeg_color_space != JCS_YCbCr &&
      reader.jpeg.jpeg_color_space != JCS_RGB)
    unsupported("JPEG pictures in CMYK and other print colours are not supported");
  Picture picture{reader.jpeg.image_width, reader.jpeg.image_height, {}};
  check_picture_size(picture.width, picture.height);
  picture.rgb.resize(size_t(picture.width) * picture.height * 3);
  if (!read_rows(reader, picture.rgb.data())) fail("broken JPEG: ", reader.message);
  return picture;
}

}  // namespace hrt::image
