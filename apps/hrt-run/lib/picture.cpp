// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "apps/hrt-run/lib/numbers.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "ops/image/codec.h"

namespace hrt {
namespace {

// Where an input has its height, width and channels; -1: not at all.
struct Axes {
  int channel, height, width;
};

Axes axes_of(const Type& type, const PictureOptions& options) {
  if (!type.is_tensor()) fail(HRT_ERROR_BAD_DATA, "the input is {}, not a picture", to_string(type));
  if (!type.ranked() || type.dims().size() == 4)
    return options.layout == Layout::kNhwc ? Axes{3, 1, 2} : Axes{1, 2, 3};
  if (type.dims().size() == 3) return options.layout == Layout::kNhwc ? Axes{2, 0, 1} : Axes{0, 1, 2};
  if (type.dims().size() == 2) return {-1, 0, 1};
  fail(HRT_ERROR_BAD_DATA, "the input {} has no shape of a picture", to_string(type));
}

bool can_be_channels(int64_t dim) { return !is_number(dim) || dim == 1 || dim == 3; }

// Fills in the layout that the shape suggests.
PictureOptions with_layout(PictureOptions options, const Type& type) {
  if (options.layout || !type.is_tensor() || !type.ranked() || type.dims().size() < 3) return options;
  const auto dims = type.dims();
  const bool first = can_be_channels(dims[dims.size() - 3]);
  options.layout = !first && can_be_channels(dims.back()) ? Layout::kNhwc : Layout::kNchw;
  return options;
}

double per_channel(const std::vector<double>& values, size_t channel, double otherwise) {
  return values.empty() ? otherwise : values[values.size() == 1 ? 0 : channel];
}

// Luma of ITU-R BT.601, in the fixed-point form that Pillow uses.
double gray(const uint8_t* pixel) {
  return double((pixel[0] * 19595u + pixel[1] * 38470u + pixel[2] * 7471u + 0x8000u) >> 16);
}

struct Tap {
  uint32_t first = 0;
  std::vector<float> weights;
};

// The source pixels of each target pixel along one axis: a triangle, widened when shrinking.
std::vector<Tap> triangle_taps(uint32_t from, uint32_t to) {
  const double scale = double(from) / to;
  const double radius = std::max(scale, 1.0);
  std::vector<Tap> taps(to);
  for (uint32_t i = 0; i < to; ++i) {
    const double center = (i + 0.5) * scale;
    const auto first = uint32_t(std::max(0.0, std::floor(center - radius + 0.5)));
    const auto last = std::min<uint32_t>(from, uint32_t(std::floor(center + radius + 0.5)));
    taps[i].first = std::min(first, from - 1);
    double sum = 0;
    for (uint32_t k = taps[i].first; k < std::max(last, taps[i].first + 1); ++k) {
      const double weight = std::max(0.0, 1 - std::fabs((k + 0.5 - center) / radius));
      taps[i].weights.push_back(float(weight));
      sum += weight;
    }
    for (float& weight : taps[i].weights) weight = float(weight / sum);
  }
  return taps;
}

// The decoders' errors as the program's own.
template <class F>
auto translated(F&& f) {
  try {
    return f();
  } catch (const sdk::Error& e) {
    fail(e.code(), "{}", e.what());
  }
}

void check_picture_size(uint64_t width, uint64_t height) {
  translated([&] { image::check_picture_size(width, height); });
}

}  // namespace

Layout parse_layout(std::string_view text) {
  if (text == "NCHW") return Layout::kNchw;
  if (text == "NHWC") return Layout::kNhwc;
  fail(HRT_ERROR_USAGE, "layout \"{}\" is neither NCHW nor NHWC", text);
}

Color parse_color(std::string_view text) {
  if (text == "RGB") return Color::kRgb;
  if (text == "BGR") return Color::kBgr;
  if (text == "GRAY") return Color::kGray;
  fail(HRT_ERROR_USAGE, "color \"{}\" is none of RGB, BGR, GRAY", text);
}

Picture decode_picture(std::span<const std::byte> file) {
  image::Picture p = translated([&] {
    if (image::is_png(file)) return image::decode_png(file);
    if (image::is_jpeg(file)) return image::decode_jpeg(file);
    if (image::is_bmp(file)) return image::decode_bmp(file);
    fail(HRT_ERROR_BAD_DATA, "neither PNG nor JPEG nor BMP");
  });
  return {p.width, p.height, std::move(p.rgb)};
}

Picture read_picture(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return with_context(path.string(), [&] { return decode_picture(file->bytes()); });
}

Picture resized(const Picture& picture, uint32_t width, uint32_t height) {
  check_picture_size(width, height);
  check_picture_size(width, picture.height);  // in between
  const std::vector<Tap> columns = triangle_taps(picture.width, width);
  const std::vector<Tap> rows = triangle_taps(picture.height, height);
  const auto round = [](float v) { return uint8_t(std::clamp(v + 0.5f, 0.0f, 255.0f)); };

  Picture narrow{width, picture.height, std::vector<uint8_t>(size_t(width) * picture.height * 3)};
  for (size_t y = 0; y < picture.height; ++y) {
    for (size_t x = 0; x < width; ++x) {
      for (size_t c = 0; c < 3; ++c) {
        float sum = 0;
        for (size_t k = 0; k < columns[x].weights.size(); ++k)
          sum +=
              columns[x].weights[k] * float(picture.rgb[(y * picture.width + columns[x].first + k) * 3 + c]);
        narrow.rgb[(y * width + x) * 3 + c] = round(sum);
      }
    }
  }
  Picture result{width, height, std::vector<uint8_t>(size_t(width) * height * 3)};
  for (size_t y = 0; y < height; ++y) {
    for (size_t i = 0; i < size_t(width) * 3; ++i) {
      float sum = 0;
      for (size_t k = 0; k < rows[y].weights.size(); ++k)
        sum += rows[y].weights[k] * float(narrow.rgb[(rows[y].first + k) * width * 3 + i]);
      result.rgb[y * width * 3 + i] = round(sum);
    }
  }
  return result;
}

Tensor picture_tensor(const Picture& original, const Type& type, const PictureOptions& given) {
  const PictureOptions options = with_layout(given, type);
  const Axes axes = axes_of(type, options);
  Dims dims = type.ranked() ? Dims(type.dims().begin(), type.dims().end()) : Dims(4, HRT_DIM_UNKNOWN);
  const auto wanted = [&](int axis, int64_t otherwise) {
    if (axis < 0) return otherwise;
    int64_t& dim = dims[size_t(axis)];
    if (!is_number(dim)) dim = otherwise;
    return dim;
  };

  const bool by_color = options.color.has_value();
  const int64_t channels = wanted(axes.channel, by_color           ? (options.color == Color::kGray ? 1 : 3)
                                                : axes.channel < 0 ? 1
                                                                   : 3);
  const Color color = options.color.value_or(channels == 1 ? Color::kGray : Color::kRgb);
  if (channels != (color == Color::kGray ? 1 : 3))
    fail(HRT_ERROR_BAD_DATA, "a {} picture does not fit the input {}, which has {} channels",
         color == Color::kGray ? "gray" : "colour", to_string(type), channels);
  for (const auto* values : {&options.mean, &options.std})
    if (values->size() > 1 && values->size() != size_t(channels))
      fail(HRT_ERROR_USAGE, "{} values of mean or std for {} channels", values->size(), channels);
  if (std::count(options.std.begin(), options.std.end(), 0.0) > 0) fail(HRT_ERROR_USAGE, "std is 0");

  const int64_t height = wanted(axes.height, original.height);
  const int64_t width = wanted(axes.width, original.width);
  const bool fits = height == original.height && width == original.width;
  if (!fits && !options.resize)
    fail(HRT_ERROR_BAD_DATA, "the picture is {}x{} (width x height), the input takes {}x{}; see --resize",
         original.width, original.height, width, height);
  if (!fits) check_picture_size(uint64_t(width), uint64_t(height));
  const Picture scaled = fits ? Picture() : resized(original, uint32_t(width), uint32_t(height));
  const Picture& picture = fits ? original : scaled;

  if (dims.size() == 4 && !is_number(dims[0])) dims[0] = 1;
  if (dims.size() == 4 && dims[0] != 1)
    fail(HRT_ERROR_BAD_DATA, "one picture does not fill the batch of {} of the input", dims[0]);

  Tensor tensor = Tensor::allocate(type.dtype() == HRT_UNDEFINED ? HRT_FLOAT32 : type.dtype(), dims);
  const bool interleaved = axes.channel > axes.width;
  const auto pixels = size_t(width) * size_t(height);
  std::vector<double> line(static_cast<size_t>(width));
  for (size_t c = 0; c < size_t(channels); ++c) {
    const double mean = per_channel(options.mean, c, 0);
    const double std = per_channel(options.std, c, 1);
    const size_t source = color == Color::kBgr ? 2 - c : c;
    for (size_t y = 0; y < size_t(height); ++y) {
      for (size_t x = 0; x < size_t(width); ++x) {
        const uint8_t* pixel = &picture.rgb[(y * size_t(width) + x) * 3];
        line[x] = ((color == Color::kGray ? gray(pixel) : pixel[source]) - mean) / std;
      }
      if (!interleaved) {
        write_numbers(tensor, c * pixels + y * size_t(width), line);
      } else {
        for (size_t x = 0; x < size_t(width); ++x)
          write_numbers(tensor, (y * size_t(width) + x) * size_t(channels) + c, {&line[x], 1});
      }
    }
  }
  return tensor;
}

}  // namespace hrt
