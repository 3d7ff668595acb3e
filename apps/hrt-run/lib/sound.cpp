// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/sound.h"

#include <sndfile.h>

#include <cstring>
#include <memory>

#include "apps/hrt-run/lib/numbers.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"

namespace hrt {
namespace {

constexpr size_t kSampleLimit = 1u << 26;
constexpr int kChannelLimit = 64;

uint32_t u32(std::span<const std::byte> bytes, size_t at) {
  uint32_t n = 0;
  for (size_t i = 4; i-- > 0;) n = n << 8 | uint32_t(bytes[at + i]);
  return n;
}

// libsndfile quietly shortens a WAV file whose data is cut off. Streams that were written to a pipe carry
// 0 or all ones for the size that was not known.
void check_wav_is_whole(std::span<const std::byte> file) {
  if (file.size() < 12 || std::memcmp(file.data(), "RIFF", 4) != 0) return;
  for (uint64_t at = 12; at + 8 <= file.size();) {
    const uint64_t size = u32(file, at + 4);
    if (std::memcmp(&file[at], "data", 4) == 0) {
      if (size != 0xffffffff && size > file.size() - at - 8)
        fail(HRT_ERROR_BAD_DATA, "{} bytes of samples are announced, {} are there", size,
             file.size() - at - 8);
      return;
    }
    at += 8 + size + (size & 1);
  }
}

}  // namespace

Sound read_sound(const std::filesystem::path& path) {
  return with_context(path.string(), [&] {
    check_wav_is_whole(MappedFile::open(path)->bytes());
    SF_INFO info{};
    const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file(sf_open(path.c_str(), SFM_READ, &info), sf_close);
    if (!file) fail(HRT_ERROR_BAD_DATA, "cannot be read as sound: {}", sf_strerror(nullptr));
    if (info.channels < 1 || info.channels > kChannelLimit)
      fail(HRT_ERROR_BAD_DATA, "{} channels are over the limit of {}", info.channels, kChannelLimit);
    Sound sound{info.samplerate, {}};
    const auto channels = size_t(info.channels);
    std::vector<float> block(4096 * channels);
    // The number of frames in the header is a claim: what counts is how many there are.
    while (const sf_count_t frames = sf_readf_float(file.get(), block.data(), 4096)) {
      if (frames < 0) break;
      for (size_t i = 0; i < size_t(frames); ++i) {
        double sum = 0;
        for (size_t c = 0; c < channels; ++c) sum += double(block[i * channels + c]);
        sound.samples.push_back(float(sum / double(channels)));
      }
      if (sound.samples.size() > kSampleLimit)
        fail(HRT_ERROR_BAD_DATA, "over the limit of {} samples", kSampleLimit);
    }
    if (sf_error(file.get()) != SF_ERR_NO_ERROR)
      fail(HRT_ERROR_BAD_DATA, "broken sound: {}", sf_strerror(file.get()));
    return sound;
  });
}

Tensor sound_tensor(const Sound& sound, const Type& type) {
  if (!type.is_tensor() || (type.ranked() && type.dims().empty()))
    fail(HRT_ERROR_BAD_DATA, "the input {} has no shape of sound", to_string(type));
  Dims dims = type.ranked() ? Dims(type.dims().begin(), type.dims().end()) : Dims{HRT_DIM_UNKNOWN};
  const auto length = int64_t(sound.samples.size());
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t wanted = i + 1 == dims.size() ? length : 1;
    if (!is_number(dims[i])) dims[i] = wanted;
    if (dims[i] != wanted)
      fail(HRT_ERROR_BAD_DATA, "the sound has 1 channel of {} samples, the input takes {}", length,
           dims_to_string(type.dims()));
  }
  Tensor tensor = Tensor::allocate(type.dtype() == HRT_UNDEFINED ? HRT_FLOAT32 : type.dtype(), dims);
  const std::vector<double> samples(sound.samples.begin(), sound.samples.end());
  write_numbers(tensor, 0, samples);
  return tensor;
}

}  // namespace hrt
