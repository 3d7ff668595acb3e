// SPDX-License-Identifier: Apache-2.0
// The pictures in data/ and the pixels beside them (.rgb) come from Pillow.
#include "apps/hrt-run/lib/picture.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "files.h"

namespace hrt {
namespace {

using namespace test;

constexpr const char* kPictures[] = {
    "rgb.png",         "gray.png",  "alpha.png",     "palette.png",  "bits.png",  "deep.png",   "color.jpg",
    "progressive.jpg", "rgb24.bmp", "grayscale.jpg", "palette8.bmp", "bits1.bmp", "alpha32.bmp"};

// 2 pixels wide, 1 high: red 10, green 20, blue 30; then 40, 50, 60.
Picture small() { return {2, 1, {10, 20, 30, 40, 50, 60}}; }

std::vector<float> floats(const Tensor& t) { return {t.data_as<float>(), t.data_as<float>() + t.size()}; }

Tensor as_input(const Dims& dims, const PictureOptions& options = {}, hrt_dtype dtype = HRT_FLOAT32) {
  return picture_tensor(small(), Type::tensor(dtype, dims), options);
}

TEST(Picture, DecodesWhatPillowDecodes) {
  for (const char* name : kPictures) {
    const Picture picture = read_picture(data_file(name));
    std::filesystem::path expected = data_file(name);
    const std::vector<std::byte> pixels = read_bytes(expected.replace_extension(".rgb"));
    ASSERT_EQ(picture.rgb.size(), pixels.size()) << name;
    EXPECT_EQ(std::memcmp(picture.rgb.data(), pixels.data(), pixels.size()), 0) << name;
  }
}

TEST(Picture, SurvivesDamage) {
  for (const char* name : kPictures)
    EXPECT_EQ(survive_damage(read_bytes(data_file(name)), [](const auto& bytes) { decode_picture(bytes); }),
              0u)
        << name;
}

TEST(Picture, RefusesSizesOverTheLimitBeforeTakingMemory) {
  std::vector<std::byte> bitmap = read_bytes(data_file("rgb24.bmp"));
  for (const size_t at : {18, 22}) bitmap[at + 2] = std::byte{0x10};  // a million pixels wide, and high
  const std::string error = error_of([&] { decode_picture(bitmap); });
  EXPECT_NE(error.find("over the limit"), std::string::npos) << error;
}

TEST(Picture, NamesTheFileThatIsBroken) {
  const TemporaryDirectory directory;
  const auto file = directory.write("broken.png", "\x89PNG\r\n\x1a\n");
  const std::string error = error_of([&] { read_picture(file); });
  EXPECT_NE(error.find("broken.png: broken PNG"), std::string::npos) << error;
}

TEST(Picture, BecomesChannelsFirst) {
  const Tensor t = as_input({1, 3, 1, 2});
  EXPECT_EQ(t.dims(), (Dims{1, 3, 1, 2}));
  EXPECT_EQ(floats(t), (std::vector<float>{10, 40, 20, 50, 30, 60}));
}

TEST(Picture, BecomesChannelsLastWhereOnlyThatFits) {
  PictureOptions last;
  last.layout = Layout::kNhwc;
  EXPECT_EQ(floats(as_input({1, 1, 2, 3}, last)), (std::vector<float>{10, 20, 30, 40, 50, 60}));
  const Type wide = Type::tensor(HRT_FLOAT32, {HRT_DIM_UNKNOWN, 18, 20, 3});
  EXPECT_EQ(picture_tensor(read_picture(data_file("color.jpg")), wide, {}).dims(), (Dims{1, 18, 20, 3}));
}

TEST(Picture, IsNormalisedPerChannel) {
  PictureOptions options;
  options.mean = {10, 20, 30};
  options.std = {2, 3, 5};
  options.color = Color::kBgr;
  // Blue first: (30 - 10) / 2, (60 - 10) / 2; green; red.
  EXPECT_EQ(floats(as_input({1, 3, 1, 2}, options)), (std::vector<float>{10, 25, 0, 10, -4, 2}));
}

TEST(Picture, IsGrayForOneChannel) {
  // (10 * 299 + 20 * 587 + 30 * 114) / 1000 = 18.15 and 48.15
  EXPECT_EQ(floats(as_input({1, 1, 1, 2})), (std::vector<float>{18, 48}));
  EXPECT_EQ(as_input({1, 2}).dims(), (Dims{1, 2}));
}

TEST(Picture, FillsOpenDimensions) {
  const int64_t batch = HRT_DIM_UNKNOWN + 1, height = HRT_DIM_UNKNOWN + 2;
  EXPECT_EQ(as_input({batch, 3, height, HRT_DIM_UNKNOWN}).dims(), (Dims{1, 3, 1, 2}));
  EXPECT_EQ(picture_tensor(small(), Type::tensor(HRT_FLOAT32), {}).dims(), (Dims{1, 3, 1, 2}));
  EXPECT_EQ(as_input({3, 1, 2}).dims(), (Dims{3, 1, 2}));
}

TEST(Picture, RoundsIntoIntegers) {
  PictureOptions options;
  options.mean = {35};
  const Tensor t = as_input({1, 3, 1, 2}, options, HRT_UINT8);
  EXPECT_EQ(std::vector<uint8_t>(t.data_as<uint8_t>(), t.data_as<uint8_t>() + 6),
            (std::vector<uint8_t>{0, 5, 0, 15, 0, 25}));
}

TEST(Picture, NamesBothSizesWhenItDoesNotFit) {
  const std::string error = error_of([] { as_input({1, 3, 224, 320}); });
  EXPECT_NE(error.find("2x1"), std::string::npos) << error;
  EXPECT_NE(error.find("320x224"), std::string::npos) << error;
}

TEST(Picture, RefusesInputsThatAreNoPictures) {
  EXPECT_NE(error_of([] { as_input({2, 3, 1, 2}); }), "");  // a batch of two
  EXPECT_NE(error_of([] { as_input({1, 4, 1, 2}); }), "");  // four channels
  EXPECT_NE(error_of([] { as_input({6}); }), "");
}

TEST(Picture, RefusesOptionsThatMakeNoSense) {
  PictureOptions color, zero, two;
  color.color = Color::kRgb;
  zero.std = {0};
  two.mean = {1, 2};
  EXPECT_NE(error_of([&] { as_input({1, 1, 1, 2}, color); }), "");
  EXPECT_NE(error_of([&] { as_input({1, 3, 1, 2}, zero); }), "");
  EXPECT_NE(error_of([&] { as_input({1, 3, 1, 2}, two); }), "");
}

TEST(Picture, ResizesLikePillow) {
  // Image.fromarray(np.array([[[0]*3, [100]*3, [200]*3, [40]*3]], 'u1')).resize((2, 1), Image.BILINEAR)
  const Picture wide{4, 1, {0, 0, 0, 100, 100, 100, 200, 200, 200, 40, 40, 40}};
  const Picture half = resized(wide, 2, 1);
  EXPECT_EQ(half.rgb, (std::vector<uint8_t>{71, 71, 71, 117, 117, 117}));
  EXPECT_EQ(resized(wide, 4, 1).rgb, wide.rgb);
  EXPECT_EQ(resized(small(), 5, 3).rgb.size(), 45u);
}

}  // namespace
}  // namespace hrt
