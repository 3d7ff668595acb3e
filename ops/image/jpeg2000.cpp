// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <memory>

#include <openjpeg.h>

#include "codec.h"

namespace hrt::image {
namespace {

struct Source {
  File file;
  uint64_t at = 0;
  std::string error;
};

Source& source_of(void* user) { return *static_cast<Source*>(user); }

OPJ_SIZE_T on_read(void* out, OPJ_SIZE_T count, void* user) {
  Source& s = source_of(user);
  const size_t n = std::min<size_t>(count, s.file.size() - s.at);
  if (n == 0) return OPJ_SIZE_T(-1);
  std::memcpy(out, s.file.data() + s.at, n);
  s.at += n;
  return n;
}

OPJ_BOOL on_seek(OPJ_OFF_T to, void* user) {
  Source& s = source_of(user);
  if (to < 0 || uint64_t(to) > s.file.size()) return OPJ_FALSE;
  s.at = uint64_t(to);
  return OPJ_TRUE;
}

OPJ_OFF_T on_skip(OPJ_OFF_T count, void* user) {
  return on_seek(OPJ_OFF_T(source_of(user).at) + count, user) ? count : -1;
}

void on_error(const char* message, void* user) {
  Source& s = source_of(user);
  if (s.error.empty()) s.error = std::string(message, std::strcspn(message, "\r\n"));
}
void on_message(const char*, void*) {}

using Stream = std::unique_ptr<opj_stream_t, decltype(&opj_stream_destroy)>;
using Codec = std::unique_ptr<opj_codec_t, decltype(&opj_destroy_codec)>;
using Image = std::unique_ptr<opj_image_t, decltype(&opj_image_destroy)>;

bool is_code_stream(File file) { return std::memcmp(file.data(), "\xff\x4f\xff\x51", 4) == 0; }

Stream open(Source& source) {
  Stream stream(opj_stream_default_create(OPJ_TRUE), opj_stream_destroy);
  require(stream != nullptr, "no memory for a JPEG 2000 reader");
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), source.file.size());
  opj_stream_set_read_function(stream.get(), on_read);
  opj_stream_set_seek_function(stream.get(), on_seek);
  opj_stream_set_skip_function(stream.get(), on_skip);
  return stream;
}

Image read_image(Source& source) {
  const Stream stream = open(source);
  const Codec codec(opj_create_decompress(is_code_stream(source.file) ? OPJ_CODEC_J2K : OPJ_CODEC_JP2),
                    opj_destroy_codec);
  require(codec != nullptr, "no memory for a JPEG 2000 reader");
  opj_set_error_handler(codec.get(), on_error, &source);
  opj_set_warning_handler(codec.get(), on_message, nullptr);
  opj_set_info_handler(codec.get(), on_message, nullptr);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* raw = nullptr;
  const bool header =
      opj_setup_decoder(codec.get(), &parameters) && opj_read_header(stream.get(), codec.get(), &raw);
  Image image(raw, opj_image_destroy);
  require(header, "broken JPEG 2000: ", source.error);
  require(image->x1 > image->x0 && image->y1 > image->y0, "broken JPEG 2000: an empty picture");
  check_picture_size(image->x1 - image->x0, image->y1 - image->y0);
  require(image->numcomps <= 4, "JPEG 2000 pictures of ", image->numcomps, " components are not supported");
  require(opj_decode(codec.get(), stream.get(), image.get()) && opj_end_decompress(codec.get(), stream.get()),
          "broken JPEG 2000: ", source.error);
  return image;
}

// An element of a component, moved to 8 bits.
uint8_t sample(const opj_image_comp_t& c, size_t i) {
  const int64_t v = int64_t(c.data[i]) + (c.sgnd ? int64_t(1) << (c.prec - 1) : 0);
  return uint8_t(std::clamp<int64_t>(c.prec > 8 ? v >> (c.prec - 8) : v << (8 - c.prec), 0, 255));
}

// ITU-R BT.601, full range.
void from_ycc(uint8_t* pixel) {
  const double y = pixel[0], cb = pixel[1] - 128.0, cr = pixel[2] - 128.0;
  const double rgb[3] = {y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb};
  for (int c = 0; c < 3; ++c) pixel[c] = uint8_t(std::clamp(rgb[c] + 0.5, 0.0, 255.0));
}

}  // namespace

bool is_jpeg2000(File file) {
  return file.size() >= 12 &&
         (is_code_stream(file) || std::memcmp(file.data(), "\0\0\0\x0cjP  \r\n\x87\n", 12) == 0);
}

Picture decode_jpeg2000(File file) {
  Source source{file, 0, {}};
  const Image image = read_image(source);
  const opj_image_comp_t& first = image->comps[0];
  Picture p = make_picture(first.w, first.h);
  for (uint32_t c = 0; c < image->numcomps; ++c) {
    const auto& comp = image->comps[c];
    require(comp.data && comp.prec >= 1 && comp.prec <= 31, "broken JPEG 2000: a component without data");
    if (comp.w != first.w || comp.h != first.h)
      unsupported("JPEG 2000 pictures with components of different sizes are not supported");
  }
  const uint32_t colours = image->numcomps >= 3 ? 3 : 1;  // what comes after them is transparency
  for (size_t i = 0; i < p.rgb.size() / 3; ++i)
    for (uint32_t c = 0; c < 3; ++c) p.rgb[i * 3 + c] = sample(image->comps[c % colours], i);
  if (image->color_space == OPJ_CLRSPC_SYCC && colours == 3)
    for (size_t i = 0; i < p.rgb.size(); i += 3) from_ycc(&p.rgb[i]);
  return p;
}

}  // namespace hrt::image
