// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/utf8.h"

namespace hrt {
namespace {
bool is_character(char32_t point) { return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff); }
}  // namespace

bool append_utf8(std::string& text, char32_t point) {
  if (!is_character(point)) return false;
  const auto tail = [&](int shift) { text += char(0x80 | (point >> shift & 0x3f)); };
  if (point < 0x80) {
    text += char(point);
  } else if (point < 0x800) {
    text += char(0xc0 | point >> 6);
    tail(0);
  } else if (point < 0x10000) {
    text += char(0xe0 | point >> 12);
    tail(6);
    tail(0);
  } else {
    text += char(0xf0 | point >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
  return true;
}

std::optional<std::u32string> decode_utf8(std::string_view text) {
  constexpr char32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};  // by number of tail bytes
  std::u32string points;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    const int tail = lead < 0x80 ? 0 : lead >> 5 == 6 ? 1 : lead >> 4 == 14 ? 2 : lead >> 3 == 30 ? 3 : -1;
    if (tail < 0 || size_t(tail) > text.size() - i) return {};
    char32_t point = tail == 0 ? lead : lead & (0x3f >> tail);
    for (int k = 0; k < tail; ++k) {
      const auto byte = static_cast<unsigned char>(text[i++]);
      if (byte >> 6 != 2) return {};
      point = point << 6 | (byte & 0x3f);
    }
    if (point < kSmallest[tail] || !is_character(point)) return {};
    points += point;
  }
  return points;
}

}  // namespace hrt
