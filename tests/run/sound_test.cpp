// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/sound.h"

#include <gtest/gtest.h>

#include <fstream>

#include "files.h"

namespace hrt {
namespace {

using namespace test;

// make_data.py: (16384, 0), (-32768, -32768), (1, 3) in 16 bits.
const std::vector<float> kSamples = {0.25f, -1, 2.0f / 32768};

TEST(Sound, IsTheMeanOfTheChannels) {
  const Sound sound = read_sound(data_file("stereo.wav"));
  EXPECT_EQ(sound.sample_rate, 16000);
  EXPECT_EQ(sound.samples, kSamples);
}

TEST(Sound, FitsTheInput) {
  const Sound sound{16000, kSamples};
  EXPECT_EQ(sound_tensor(sound, Type::tensor(HRT_FLOAT32, {3})).dims(), (Dims{3}));
  const Tensor t = sound_tensor(sound, Type::tensor(HRT_FLOAT32, {HRT_DIM_UNKNOWN, HRT_DIM_UNKNOWN}));
  EXPECT_EQ(t.dims(), (Dims{1, 3}));
  EXPECT_EQ(t.data_as<float>()[1], -1);
}

TEST(Sound, NamesBothLengthsWhenItDoesNotFit) {
  const std::string error =
      error_of([] { sound_tensor({16000, kSamples}, Type::tensor(HRT_FLOAT32, {1, 512})); });
  EXPECT_NE(error.find("3 samples"), std::string::npos) << error;
  EXPECT_NE(error.find("1x512"), std::string::npos) << error;
}

TEST(Sound, RefusesFilesThatAreCutOffOrSomethingElse) {
  const TemporaryDirectory directory;
  const std::vector<std::byte> whole = read_bytes(data_file("stereo.wav"));
  const std::string_view text(reinterpret_cast<const char*>(whole.data()), whole.size());
  for (const size_t length : {size_t(0), size_t(20), whole.size() - 1}) {
    const auto file = directory.write("cut.wav", text.substr(0, length));
    const std::string error = error_of([&] { read_sound(file); });
    EXPECT_NE(error.find("cut.wav"), std::string::npos) << length;
  }
  EXPECT_NE(error_of([] { read_sound(data_file("rgb.png")); }), "");
}

TEST(Sound, SurvivesDamage) {
  const TemporaryDirectory directory;
  survive_damage(read_bytes(data_file("stereo.wav")), [&](const std::vector<std::byte>& bytes) {
    read_sound(directory.write("damaged.wav", {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  });
}

}  // namespace
}  // namespace hrt
