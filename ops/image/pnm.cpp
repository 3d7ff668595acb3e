// SPDX-License-Identifier: Apache-2.0
// Netpbm: P1 to P3 are bits, gray and colours as text, P4 to P6 the same as bytes; a header of numbers
// between white space and comments.
#include <cctype>

#include "codec.h"

namespace hrt::image {
namespace {

class Scanner {
 public:
  explicit Scanner(File file) : file_(file, "PNM") {}
  char next() { return char(file_.u8(at_++)); }
  // The next number; most: the largest that makes sense.
  uint32_t number(uint32_t most) {
    skip_space();
    uint64_t v = 0;
    size_t digits = 0;
    for (; at_ < file_.size() && std::isdigit(int(file_.u8(at_))); ++at_, ++digits) {
      v = v * 10 + (file_.u8(at_) - '0');
      require(v <= most, "broken PNM: a number over ", most);
    }
    require(digits > 0, "broken PNM: a number is missing");
    return uint32_t(v);
  }
  uint32_t bit() {  // in text: a digit, with or without space around it
    skip_space();
    const char c = next();
    require(c == '0' || c == '1', "broken PNM: a bit that is neither 0 nor 1");
    return uint32_t(c - '0');
  }
  uint32_t byte() { return file_.u8(at_++); }
  uint32_t sample(uint32_t most) {  // most significant byte first
    const uint32_t high = byte();
    return most > 255 ? high << 8 | byte() : high;
  }

 private:
  void skip_space() {
    for (; at_ < file_.size(); ++at_) {
      const auto c = int(file_.u8(at_));
      if (c == '#')
        while (at_ < file_.size() && file_.u8(at_) != '\n') ++at_;
      else if (!std::isspace(c))
        return;
    }
  }
  Bytes file_;
  uint64_t at_ = 0;
};

// Bits, of which 1 is black; as bytes, each row begins with a new one.
void read_bits(Scanner& in, bool text, Picture& p) {
  for (uint32_t y = 0; y < p.height; ++y) {
    uint32_t bits = 0;
    for (uint32_t x = 0; x < p.width; ++x) {
      if (!text && x % 8 == 0) bits = in.byte();
      const bool black = text ? in.bit() : bits >> (7 - x % 8) & 1;
      uint8_t* out = &p.rgb[(size_t(y) * p.width + x) * 3];
      out[0] = out[1] = out[2] = black ? 0 : 255;
    }
  }
}

void read_samples(Scanner& in, bool text, bool colour, Picture& p) {
  const uint32_t most = in.number(65535);
  require(most > 0, "broken PNM: the largest value is 0");
  if (!text) in.next();  // one white space
  const auto sample = [&] {
    const uint32_t v = text ? in.number(most) : in.sample(most);
    require(v <= most, "broken PNM: a value over ", most);
    return uint8_t((v * 255 + most / 2) / most);
  };
  for (size_t i = 0; i < p.rgb.size(); i += 3)
    for (size_t c = 0; c < 3; ++c) p.rgb[i + c] = c > 0 && !colour ? p.rgb[i] : sample();
}

}  // namespace

bool is_pnm(File file) {
  return file.size() >= 3 && file[0] == std::byte{'P'} && file[1] >= std::byte{'1'} &&
         file[1] <= std::byte{'6'} && std::isspace(int(file[2]));
}

Picture decode_pnm(File file) {
  Scanner in(file);
  in.next();
  const int kind = in.next() - '0';
  const uint32_t width = in.number(kPixelLimit), height = in.number(kPixelLimit);
  Picture p = make_picture(width, height);
  const bool text = kind <= 3;
  if (kind % 3 == 1) {
    if (!text) in.next();
    read_bits(in, text, p);
  } else {
    read_samples(in, text, kind % 3 == 0, p);
  }
  return p;
}

}  // namespace hrt::image
