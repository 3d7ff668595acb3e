// SPDX-License-Identifier: Apache-2.0
// UTF-8 text as code points, and their case.
#pragma once

#include <clocale>
#include <cwctype>
#include <string>
#include <string_view>

namespace hrt::ops {

// Takes the first code point off s; a byte that begins none gives U+FFFD. s must not be empty.
inline char32_t take_code_point(std::string_view& s) {
  const auto byte = [&](size_t i) { return i < s.size() ? char32_t(static_cast<unsigned char>(s[i])) : 0; };
  const char32_t first = byte(0);
  const size_t more = first < 0x80                    ? 0
                      : first >= 0xf0 && first < 0xf8 ? 3
                      : first >= 0xe0 && first < 0xf0 ? 2
                      : first >= 0xc0 && first < 0xe0 ? 1
                                                      : 4;
  char32_t c = more == 0 ? first : first & (0x3fu >> more);
  bool valid = more < 4;
  for (size_t i = 1; valid && i <= more; ++i) {
    valid = (byte(i) & 0xc0) == 0x80;
    c = c << 6 | (byte(i) & 0x3f);
  }
  s.remove_prefix(valid ? more + 1 : 1);
  return valid ? c : 0xfffd;
}

inline void append_code_point(std::string& s, char32_t c) {
  if (c < 0x80) {
    s += char(c);
  } else if (c < 0x800) {
    s += char(0xc0 | c >> 6);
    s += char(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    s += char(0xe0 | c >> 12);
    s += char(0x80 | (c >> 6 & 0x3f));
    s += char(0x80 | (c & 0x3f));
  } else {
    s += char(0xf0 | c >> 18);
    s += char(0x80 | (c >> 12 & 0x3f));
    s += char(0x80 | (c >> 6 & 0x3f));
    s += char(0x80 | (c & 0x3f));
  }
}

// The simple case mapping of Unicode, whatever the process' own locale is.
inline locale_t unicode_locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}
inline char32_t to_lower(char32_t c) {
  return unicode_locale() ? char32_t(towlower_l(wint_t(c), unicode_locale()))
                          : char32_t(std::towlower(wint_t(c)));
}
inline char32_t to_upper(char32_t c) {
  return unicode_locale() ? char32_t(towupper_l(wint_t(c), unicode_locale()))
                          : char32_t(std::towupper(wint_t(c)));
}

}  // namespace hrt::ops
