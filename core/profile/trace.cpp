// SPDX-License-Identifier: Apache-2.0
#include "core/profile/trace.h"

#include <algorithm>
#include <chrono>
#include <map>

#include <fmt/format.h>

namespace hrt {

uint64_t now_ns() {
  return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::chrono::steady_clock::now().time_since_epoch())
                      .count());
}

namespace {

uint32_t thread_number() {
  static std::atomic<uint32_t> next{0};
  static thread_local const uint32_t number = next++;
  return number;
}

std::string json_text(const std::string& s) {
  std::string out = "\"";
  for (const char c : s) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

Trace::Trace(size_t capacity) : capacity_(capacity) { events_.reserve(std::min<size_t>(capacity, 4096)); }

void Trace::add(std::string name, std::string category, std::string device, uint32_t request,
                uint64_t begin_ns, uint64_t end_ns) {
  const uint32_t thread = thread_number();
  const std::lock_guard lock(mutex_);
  if (events_.size() >= capacity_) {
    ++dropped_;
    return;
  }
  events_.push_back(
      {std::move(name), std::move(category), std::move(device), thread, request, begin_ns, end_ns});
}

void Trace::move_to(Trace& other) {
  std::vector<TraceEvent> events;
  {
    const std::lock_guard lock(mutex_);
    events.swap(events_);
  }
  for (TraceEvent& e : events)
    other.add(std::move(e.name), std::move(e.category), std::move(e.device), e.request, e.begin_ns, e.end_ns);
}

std::vector<TraceEvent> Trace::events() const {
  const std::lock_guard lock(mutex_);
  auto sorted = events_;
  std::ranges::stable_sort(sorted, {}, &TraceEvent::begin_ns);
  return sorted;
}

std::string Trace::chrome_json() const {
  const auto list = events();
  const uint64_t origin = list.empty() ? 0 : list.front().begin_ns;
  std::map<std::string, int> processes;
  std::map<std::pair<int, uint32_t>, int> threads;
  std::string out = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
  std::string separator;
  auto emit = [&](const std::string& event) {
    out += separator + event;
    separator = ",\n";
  };
  for (const TraceEvent& e : list) {
    const auto [process, new_process] = processes.emplace(e.device, int(processes.size()) + 1);
    if (new_process)
      emit(fmt::format(R"({{"ph":"M","name":"process_name","pid":{},"args":{{"name":{}}}}})", process->second,
                       json_text(e.device)));
    if (threads.emplace(std::pair(process->second, e.thread), 0).second)
      emit(fmt::format(R"({{"ph":"M","name":"thread_name","pid":{},"tid":{},"args":{{"name":"thread {}"}}}})",
                       process->second, e.thread, e.thread));
    emit(fmt::format(
        R"({{"ph":"X","name":{},"cat":{},"pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},"args":{{"request":{}}}}})",
        json_text(e.name), json_text(e.category), process->second, e.thread,
        double(e.begin_ns - origin) / 1e3, double(e.end_ns - e.begin_ns) / 1e3, e.request));
  }
  return out + "\n]}\n";
}

std::vector<ProfileRow> profile_rows(const std::vector<TraceEvent>& events) {
  std::map<std::pair<std::string, std::string>, ProfileRow> rows;
  for (const TraceEvent& e : events) {
    const uint64_t ns = e.end_ns - e.begin_ns;
    auto& row = rows[{e.device, e.name}];
    if (row.calls == 0) row = {e.name, e.category, e.device, 0, 0, ns, ns};
    ++row.calls;
    row.total_ns += ns;
    row.min_ns = std::min(row.min_ns, ns);
    row.max_ns = std::max(row.max_ns, ns);
  }
  std::vector<ProfileRow> list;
  for (auto& [key, row] : rows) list.push_back(std::move(row));
  std::ranges::stable_sort(list, std::greater<>(), &ProfileRow::total_ns);
  return list;
}

}  // namespace hrt
