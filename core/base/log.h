// SPDX-License-Identifier: Apache-2.0
// Messages for people, on standard error. [any-thread]
#pragma once

#include <string_view>

#include <fmt/format.h>

#include <hrt/plugin.h>

namespace hrt {

void set_log_level(hrt_log_level level);
// "debug", "info", "warn", "error"; throws for another word.
hrt_log_level parse_log_level(std::string_view text);

void log(hrt_log_level level, std::string_view component, std::string_view message);

template <class... A>
void log_warn(std::string_view component, fmt::format_string<A...> format, A&&... args) {
  log(HRT_LOG_WARN, component, fmt::format(format, std::forward<A>(args)...));
}
template <class... A>
void log_debug(std::string_view component, fmt::format_string<A...> format, A&&... args) {
  log(HRT_LOG_DEBUG, component, fmt::format(format, std::forward<A>(args)...));
}

}  // namespace hrt
