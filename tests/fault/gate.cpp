// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/gate.h"

#include <algorithm>

#include "tests/fault/options.h"

namespace hrt::fault {
namespace {

using sdk::cat;

[[noreturn]] void refuse(std::string_view item, const std::string& why) {
  throw sdk::Error(HRT_ERROR_USAGE, cat("fault \"", item, "\": ", why));
}

Function parse_function(std::string_view item, std::string_view text) {
  const auto found = std::ranges::find(kFunctionNames, text);
  if (found == kFunctionNames.end()) {
    std::string names;
    for (const std::string_view name : kFunctionNames) names += cat(names.empty() ? "" : ", ", name);
    refuse(item, cat("there is no function \"", text, "\"; there are ", names));
  }
  return Function(found - kFunctionNames.begin());
}

Kind parse_kind(std::string_view item, std::string_view text) {
  constexpr std::pair<std::string_view, Kind> kKinds[] = {
      {"fail", Kind::kFail}, {"memory", Kind::kMemory}, {"lose", Kind::kLose}, {"stall", Kind::kStall}};
  for (const auto& [name, kind] : kKinds)
    if (name == text) return kind;
  refuse(item, cat("there is no kind \"", text, "\"; there are fail, memory, lose, stall"));
}

Fault parse_fault(std::string_view item) {
  const auto parts = split(item, ':');
  if (parts.size() != 3) refuse(item, "is not FUNCTION:NTH:KIND");
  std::string_view nth = parts[1];
  const bool onwards = nth.ends_with('+');
  if (onwards) nth.remove_suffix(1);
  const Fault fault{parse_function(item, parts[0]), parse_number("fault", nth), onwards,
                    parse_kind(item, parts[2])};
  if (fault.nth == 0) refuse(item, "calls are counted from 1");
  if (!answers(fault.function) && (fault.kind == Kind::kFail || fault.kind == Kind::kMemory))
    refuse(item, cat(parts[0], " answers nothing: it can only lose or stall"));
  return fault;
}

}  // namespace

std::vector<Fault> parse_faults(std::string_view text) {
  std::vector<Fault> faults;
  for (const std::string_view item : split(text, ',')) faults.push_back(parse_fault(item));
  return faults;
}

std::optional<Kind> Gate::count(Function function) {
  ++world().calls[size_t(function)];
  const uint64_t nth = ++calls_[size_t(function)];
  for (const Fault& f : faults_) {
    if (f.function != function || (f.nth != nth && !(f.onwards && f.nth < nth))) continue;
    given_up_ = true;
    return f.kind;
  }
  return std::nullopt;
}

sdk::Error Gate::error(Function function, Kind kind) const {
  if (kind == Kind::kLose) return {HRT_ERROR_DEVICE_LOST, cat(device_, " is lost")};
  return {kind == Kind::kMemory ? HRT_ERROR_MEMORY : HRT_ERROR_INTERNAL,
          cat(name_of(function), " number ", calls_[size_t(function)], " fails, as it was told to")};
}

void Gate::lose() {
  lost_ = true;
  world().changed.notify_all();
}

void Gate::check_lost() const {
  if (lost_) throw error(Function::kDeviceOpen, Kind::kLose);
}

bool Gate::enter_queued(Function function) {
  const std::lock_guard lock(world().mutex);
  const auto kind = count(function);
  check_lost();
  if (kind == Kind::kLose) lose();
  if (kind && kind != Kind::kStall) throw error(function, *kind);
  return kind.has_value();
}

void Gate::enter(Function function) {
  if (!enter_queued(function)) return;
  std::unique_lock lock(world().mutex);
  stall(lock, [] { return false; });
  check_lost();
}

void Gate::enter_destroy(Function function) noexcept {
  std::unique_lock lock(world().mutex);
  const auto kind = count(function);
  if (kind == Kind::kLose) lose();
  if (kind == Kind::kStall) stall(lock, [] { return false; });
}

}  // namespace hrt::fault
