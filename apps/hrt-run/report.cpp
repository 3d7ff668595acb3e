// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/report.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "core/base/mapped_file.h"

namespace hrt {
namespace {

void put(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0) fail(HRT_ERROR_USAGE, "cannot write to standard output");
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

Json profile_json(const std::vector<ProfileRow>& rows) {
  Json json = Json::array();
  for (const ProfileRow& r : rows)
    json.push_back({{"node", r.name},
                    {"operator", r.category},
                    {"device", r.device},
                    {"calls", r.calls},
                    {"total_ns", r.total_ns},
                    {"min_ns", r.min_ns},
                    {"max_ns", r.max_ns}});
  return json;
}

std::string profile_csv(const std::vector<ProfileRow>& rows) {
  std::string text = "node,operator,device,calls,total_ns,min_ns,max_ns\n";
  for (const ProfileRow& r : rows)
    text += fmt::format("{},{},{},{},{},{},{}\n", csv_field(r.name), csv_field(r.category),
                        csv_field(r.device), r.calls, r.total_ns, r.min_ns, r.max_ns);
  return text;
}

// Columns aligned, as text.
std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string profile_table(const std::vector<ProfileRow>& rows) {
  uint64_t total = 0;
  for (const ProfileRow& r : rows) total += r.total_ns;
  std::vector<std::vector<std::string>> table{
      {"share", "total", "mean", "calls", "device", "operator", "node"}};
  for (const ProfileRow& r : rows)
    table.push_back(
        {fmt::format("{:5.1f} %", 100.0 * double(r.total_ns) / double(std::max<uint64_t>(total, 1))),
         milliseconds(double(r.total_ns)), milliseconds(double(r.total_ns) / double(r.calls)),
         std::to_string(r.calls), r.device, r.category, r.name});
  return table_text(table);
}

std::string type_text_at(const Graph& graph, const Type& type) {
  if (type.kind() == HRT_KIND_SEQUENCE) return "seq(" + type_text(graph, type.element()) + ")";
  if (type.kind() == HRT_KIND_OPTIONAL) return "optional(" + type_text(graph, type.element()) + ")";
  if (!type.is_tensor() || !type.ranked()) return to_string(type);
  std::vector<std::string> dims;
  for (const int64_t dim : type.dims()) {
    const std::string name = HRT_DIM_IS_SYMBOL(dim) ? graph.symbol_name(dim) : "";
    dims.push_back(is_number(dim) ? std::to_string(dim) : name.empty() ? "?" : name);
  }
  return fmt::format("{}[{}]", dtype_name(type.dtype()), fmt::join(dims, ","));
}

}  // namespace

void say_text(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7f; }, '?');
  put(text);
}

std::string json_text(const Json& json) {
  return json.dump(2, ' ', false, nlohmann::detail::error_handler_t::replace) + '\n';
}

void print_json(const Json& json) { put(json_text(json)); }

void write_text(const std::string& path, const std::string& text) {
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(text))};
  write_file_atomically(path, parts);
}

void print_table(const std::vector<std::vector<std::string>>& rows) { say_text(table_text(rows)); }

std::string milliseconds(double ns) { return fmt::format("{:.3f} ms", ns * 1e-6); }

std::string bytes_text(uint64_t bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  auto value = double(bytes);
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, units[unit]);
}

std::string type_text(const Graph& graph, const Type& type) { return type_text_at(graph, type); }

Json placement_json(const Session& session) {
  Json nodes = Json::array();
  for (const Placement& p : session.placement()) {
    Json refusals = Json::array();
    for (const auto& r : p.refusals) refusals.push_back({{"device", r.device}, {"reason", r.reason}});
    nodes.push_back({{"node", p.node},
                     {"operator", p.op},
                     {"device", p.device},
                     {"cluster", p.cluster},
                     {"why", p.why},
                     {"refusals", refusals}});
  }
  return nodes;
}

std::string placement_text(const Session& session) {
  std::map<std::string, size_t> counts;
  for (const Placement& p : session.placement()) ++counts[p.device];
  std::vector<std::string> parts;
  for (const auto& [device, count] : counts) parts.push_back(fmt::format("{} {}", device, count));
  return fmt::format("{} nodes", parts.empty() ? "no" : fmt::format("{}", fmt::join(parts, ", ")));
}

Json memory_json(Session& session, const std::vector<ValuePtr>& inputs) {
  std::vector<Type> types;
  for (const ValuePtr& value : inputs) types.push_back(value->type);
  try {
    const MemoryReport m = session.memory(types);
    return {{"arena_bytes", m.arena_bytes},
            {"unshared_bytes", m.unshared_bytes},
            {"output_bytes", m.output_bytes},
            {"constant_bytes", m.constant_bytes}};
  } catch (const Error& e) {
    return {{"error", e.message()}};  // shapes that depend on data: known only in a run
  }
}

Model open_model(Arguments& arguments, const SessionOptions& options) {
  Model model;
  Runtime& runtime = arguments.runtime();
  const uint64_t start = now_ns();
  runtime.registry().load_all();
  const uint64_t begin = now_ns();
  model.plugins_ns = begin - start;
  auto graph = runtime.load_model(arguments.model());
  const uint64_t loaded = now_ns();
  with_context(arguments.model(),
               [&] { model.session = std::make_unique<Session>(runtime, std::move(graph), options); });
  model.load_ns = loaded - begin;
  model.compile_ns = now_ns() - loaded;
  return model;
}

Profiler::Profiler(const Arguments& arguments) : trace_file_(arguments.get<std::string>("trace", "")) {
  if (!arguments.has("profile")) return;
  const std::string text = arguments.get<std::string>("profile");
  const size_t equals = std::min(text.find('='), text.size());
  format_ = text.substr(0, equals);
  if (equals < text.size()) profile_file_ = text.substr(equals + 1);
  if (format_ != "table" && format_ != "csv" && format_ != "json")
    fail(HRT_ERROR_USAGE, "--profile: \"{}\" is none of table, csv, json", format_);
}

void Profiler::finish(Json* json) {
  if (!trace_file_.empty()) write_text(trace_file_, trace_.chrome_json());
  if (format_.empty()) return;
  const std::vector<ProfileRow> rows = profile_rows(trace_.events());
  const std::string text = format_ == "table" ? profile_table(rows)
                           : format_ == "csv" ? profile_csv(rows)
                                              : json_text(profile_json(rows));
  if (!profile_file_.empty()) {
    write_text(profile_file_, text);
  } else if (json) {
    (*json)["profile"] = profile_json(rows);
  } else {
    say("\n{}", text);
  }
}

}  // namespace hrt
