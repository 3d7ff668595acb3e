// SPDX-License-Identifier: Apache-2.0
// ImageDecoder: the bytes of a picture file as height x width x channels.
// https://onnx.ai/onnx/operators/onnx__ImageDecoder.html
#include <algorithm>

#include "../op.h"
#include "codec.h"

namespace hrt::ops {
namespace {

using image::File;
using image::Picture;

struct Format {
  bool (*is)(File);
  Picture (*decode)(File);
};
constexpr Format kFormats[] = {
    {image::is_png, image::decode_png},   {image::is_jpeg, image::decode_jpeg},
    {image::is_bmp, image::decode_bmp},   {image::is_webp, image::decode_webp},
    {image::is_tiff, image::decode_tiff}, {image::is_jpeg2000, image::decode_jpeg2000},
    {image::is_pnm, image::decode_pnm},
};

Picture decode(File file) {
  for (const Format& f : kFormats)
    if (f.is(file)) return f.decode(file);
  fail("the bytes are none of BMP, JPEG, JPEG 2000, PNG, PNM, TIFF and WebP");
}

enum class Pixels { kRgb, kBgr, kGray };

Pixels pixels_of(const Node& node) {
  const std::string format = node.s("pixel_format", "RGB");
  if (format == "RGB") return Pixels::kRgb;
  if (format == "BGR") return Pixels::kBgr;
  require(format == "Grayscale", "pixel_format is '", format, "', not RGB, BGR or Grayscale");
  return Pixels::kGray;
}

int64_t channels_of(Pixels pixels) { return pixels == Pixels::kGray ? 1 : 3; }

// Luma of ITU-R BT.601, in the fixed-point form that Pillow uses.
uint8_t gray(const uint8_t* pixel) {
  return uint8_t((pixel[0] * 19595u + pixel[1] * 38470u + pixel[2] * 7471u + 0x8000u) >> 16);
}

constexpr const char* kNotRank1 = "the encoded stream does not have rank 1";

void infer(const Infer& c) {
  const auto x = c.dims(0);
  require(!x || x->size() == 1, kNotRank1);
  c.output(0, TensorType(HRT_UINT8, {HRT_DIM_UNKNOWN, HRT_DIM_UNKNOWN, channels_of(pixels_of(c.node()))}));
}

// What cannot be decoded is an empty picture, as the standard wants it; the log says why.
Picture decode_or_empty(const Kernel& c) {
  const Tensor x = c.input(0);
  require(x.rank() == 1, kNotRank1);
  try {
    return decode(std::as_bytes(x.span<const uint8_t>()));
  } catch (const Error& e) {
    if (e.code() != HRT_ERROR_BAD_DATA && e.code() != HRT_ERROR_UNSUPPORTED) throw;
    log(HRT_LOG_WARN, cat("ImageDecoder \"", c.node().name(), "\" gives an empty picture: ", e.what()));
    return {};
  }
}

void compute(const Kernel& c) {
  const Pixels pixels = pixels_of(c.node());
  const Picture p = decode_or_empty(c);
  const Tensor y = c.output(0, HRT_UINT8, Dims{p.height, p.width, channels_of(pixels)});
  auto* out = y.data<uint8_t>();
  if (pixels != Pixels::kGray) std::copy(p.rgb.begin(), p.rgb.end(), out);
  for (size_t i = 0; i < p.rgb.size(); i += 3) {
    if (pixels == Pixels::kGray) out[i / 3] = gray(&p.rgb[i]);
    if (pixels == Pixels::kBgr) std::swap(out[i], out[i + 2]);
  }
}

const Register image_decoder(Op{
    .name = "ImageDecoder",
    .since = 20,
    .doc = "the pixels of an encoded picture",
    .inputs = {{"encoded_stream", "T1"}},
    .outputs = {{"image", "T2"}},
    .attrs = {{"pixel_format", HRT_ATTR_STRING, "RGB"}},
    .types = {{"T1", bits(HRT_UINT8)}, {"T2", bits(HRT_UINT8)}},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
