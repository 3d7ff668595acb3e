// SPDX-License-Identifier: Apache-2.0
// What several commands print: tables for people, JSON for machines.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "apps/hrt-run/command.h"

namespace hrt {

using Json = nlohmann::ordered_json;

// fmt::print to standard output, for text that may hold names out of a model: control characters other than
// line ends become "?", so that no file can write to the terminal what it likes.
void say_text(std::string text);
template <class... A>
void say(fmt::format_string<A...> format, A&&... args) {
  say_text(fmt::format(format, std::forward<A>(args)...));
}

// One document on standard output. Text that is not UTF-8 gets replacement characters.
void print_json(const Json& json);
std::string json_text(const Json& json);
void write_text(const std::string& path, const std::string& text);  // whole or not at all

// Columns aligned, two blanks between them; the last one as it is.
void print_table(const std::vector<std::vector<std::string>>& rows);

std::string milliseconds(double ns);     // "1.234 ms"
std::string bytes_text(uint64_t bytes);  // "12.3 MiB"

// A type with the names that the model gives its symbolic dimensions: "float32[batch,3,224,224]".
std::string type_text(const Graph& graph, const Type& type);

Json placement_json(const Session& session);
// "cpu 53, reference 2 nodes".
std::string placement_text(const Session& session);

// The planned memory for these inputs; a member "error" where it cannot be planned without running.
Json memory_json(Session& session, const std::vector<ValuePtr>& inputs);

// Loads and compiles; errors name the file.
struct Model {
  std::unique_ptr<Session> session;
  uint64_t plugins_ns = 0;  // finding, checking and loading all plugins, the first time
  uint64_t load_ns = 0;
  uint64_t compile_ns = 0;
};
Model open_model(Arguments& arguments, const SessionOptions& options);

// --profile and --trace.
class Profiler {
 public:
  explicit Profiler(const Arguments& arguments);
  Trace* trace() { return wanted() ? &trace_ : nullptr; }
  bool wanted() const { return !format_.empty() || !trace_file_.empty(); }
  // Writes the files; adds a member "profile" to json when that is not NULL, prints otherwise.
  void finish(Json* json);

 private:
  std::string format_;        // table, csv, json
  std::string profile_file_;  // empty: standard output
  std::string trace_file_;
  Trace trace_;
};

}  // namespace hrt
