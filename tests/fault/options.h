// SPDX-License-Identifier: Apache-2.0
// The options of a device (fault.h has what they mean). Whatever is wrong throws HRT_ERROR_USAGE.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <hrt/plugin.hpp>

#include "tests/fault/gate.h"

namespace hrt::fault {

struct Options {
  std::vector<Fault> faults;
  std::chrono::milliseconds stall{0};
  std::chrono::microseconds delay{0};
  double latency_us = 1;
  std::vector<std::string> takes;  // empty: everything
};

Options parse_options(std::string_view device, const hrt_options* options);

// Parts of a list, without the blanks around them.
std::vector<std::string_view> split(std::string_view text, char separator);
uint64_t parse_number(std::string_view option, std::string_view text);

}  // namespace hrt::fault
