// SPDX-License-Identifier: Apache-2.0
#include "core/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "core/base/error.h"

namespace hrt {
namespace {

// Never destroyed: objects with static lifetime may log as the process ends.
spdlog::logger& logger() {
  static auto& instance = *[] {
    auto* l = new spdlog::logger("hrt", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    l->set_pattern("%^%l%$: %v");
    l->set_level(spdlog::level::warn);
    return l;
  }();
  return instance;
}

spdlog::level::level_enum level_of(hrt_log_level level) {
  switch (level) {
    case HRT_LOG_DEBUG: return spdlog::level::debug;
    case HRT_LOG_INFO: return spdlog::level::info;
    case HRT_LOG_WARN: return spdlog::level::warn;
    default: return spdlog::level::err;
  }
}

}  // namespace

void set_log_level(hrt_log_level level) { logger().set_level(level_of(level)); }

hrt_log_level parse_log_level(std::string_view text) {
  constexpr std::string_view names[] = {"debug", "info", "warn", "error"};
  for (int i = 0; i < 4; ++i)
    if (text == names[i]) return i;
  fail(HRT_ERROR_USAGE, "log level \"{}\" is none of debug, info, warn, error", text);
}

void log(hrt_log_level level, std::string_view component, std::string_view message) {
  logger().log(level_of(level), "{}: {}", component, message);
}

}  // namespace hrt
