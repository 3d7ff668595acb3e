// SPDX-License-Identifier: Apache-2.0
// Errors inside the core are exceptions of this one type; the plugin and embedding borders turn them
// into statuses. The code decides hrt-run's exit code; the message names file, node and reason.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include <hrt/plugin.h>

namespace hrt {

class Error : public std::exception {
 public:
  Error(hrt_code code, std::string message, std::string device = {})
      : code_(code), message_(std::move(message)), device_(std::move(device)) {}
  hrt_code code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }
  // The device whose fault it is, when it is one's: another may succeed.
  const std::string& device() const noexcept { return device_; }

 private:
  hrt_code code_;
  std::string message_;
  std::string device_;
};

template <class... A>
[[noreturn]] void fail(hrt_code code, fmt::format_string<A...> format, A&&... args) {
  throw Error(code, fmt::format(format, std::forward<A>(args)...));
}

// Runs f; what it throws gets "where: " in front of its message. where: text, or a function that makes it
// once it is needed.
template <class Where, class F>
decltype(auto) with_context(const Where& where, F&& f) {
  try {
    return f();
  } catch (const Error& e) {
    if constexpr (std::is_invocable_v<const Where&>)
      throw Error(e.code(), fmt::format("{}: {}", where(), e.message()), e.device());
    else
      throw Error(e.code(), fmt::format("{}: {}", where, e.message()), e.device());
  }
}

// The candidate closest to a misspelt word (Damerau-Levenshtein distance of at most a third of its
// length, at least 1), or "" when none is near.
template <class Range>
std::string nearest(std::string_view word, const Range& candidates);

size_t edit_distance(std::string_view a, std::string_view b);

template <class Range>
std::string nearest(std::string_view word, const Range& candidates) {
  size_t best = word.size() / 3 + 2;
  std::string found;
  for (const auto& c : candidates) {
    const std::string_view name(c);
    if (const size_t d = edit_distance(word, name); d < best) {
      best = d;
      found = name;
    }
  }
  return found;
}

}  // namespace hrt
