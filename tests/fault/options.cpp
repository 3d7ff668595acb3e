// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/options.h"

#include <charconv>

#include "tests/fault/kernels.h"

namespace hrt::fault {
namespace {

using sdk::cat;
using sdk::Error;

// An hour: nothing here is meant to last longer, and sums of times stay far from overflow.
constexpr uint64_t kMostUs = uint64_t(3600) * 1000 * 1000;

template <class T>
T parse(std::string_view option, std::string_view text) {
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !(value >= 0))
    throw Error(HRT_ERROR_USAGE, cat("option ", option, " = \"", text, "\" is no number from 0"));
  return value;
}

uint64_t parse_time(std::string_view option, std::string_view text, uint64_t most) {
  const uint64_t value = parse_number(option, text);
  if (value > most) throw Error(HRT_ERROR_USAGE, cat("option ", option, " = ", text, " is over an hour"));
  return value;
}

std::vector<std::string> parse_operators(std::string_view text) {
  std::vector<std::string> list;
  for (const std::string_view name : split(text, ',')) {
    if (!find_operator(name))
      throw Error(HRT_ERROR_USAGE, cat("option takes: there is no operator \"", name, "\" here"));
    list.emplace_back(name);
  }
  return list;
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = std::min(text.find(separator), text.size());
    std::string_view part = text.substr(0, end);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    parts.push_back(part);
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

uint64_t parse_number(std::string_view option, std::string_view text) {
  return parse<uint64_t>(option, text);
}

Options parse_options(std::string_view device, const hrt_options* options) {
  Options out;
  for (size_t i = 0; options && i < options->count; ++i) {
    const std::string_view key = options->keys[i], value = options->values[i];
    if (key == "fault")
      out.faults = parse_faults(value);
    else if (key == "stall_ms")
      out.stall = std::chrono::milliseconds(parse_time(key, value, kMostUs / 1000));
    else if (key == "delay_us")
      out.delay = std::chrono::microseconds(parse_time(key, value, kMostUs));
    else if (key == "latency_us")
      out.latency_us = parse<double>(key, value);
    else if (key == "takes")
      out.takes = parse_operators(value);
    else
      throw Error(HRT_ERROR_USAGE, cat("device ", device, " has no option \"", key,
                                       "\"; there are fault, stall_ms, delay_us, latency_us, takes"));
  }
  return out;
}

}  // namespace hrt::fault
