// SPDX-License-Identifier: Apache-2.0
// UTF-8 against code points. Surrogates, overlong forms and what lies beyond U+10FFFF are no characters.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hrt {

bool append_utf8(std::string& text, char32_t point);               // false: no character; text is unchanged
std::optional<std::u32string> decode_utf8(std::string_view text);  // empty: text is not UTF-8

}  // namespace hrt
