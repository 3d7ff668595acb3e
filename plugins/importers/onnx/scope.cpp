// SPDX-License-Identifier: Apache-2.0
// Names: what they stand for in a scope, and how values reach nested bodies.
#include "graph.hpp"

namespace hrt::importer {

using namespace sdk;

// The value as level sees it: a body captures it through every level in between.
uint32_t Importer::carry(uint32_t value, Level& from, Level& to) {
  if (&from == &to || value == HRT_NONE) return value;
  const uint32_t outer = carry(value, from, *to.parent);
  const auto [it, fresh] = to.captures.try_emplace(outer, HRT_NONE);
  if (fresh) it->second = to.edit.add_capture(outer);
  return it->second;
}

// The id of a value in level, a body of the scope's own level or that level itself.
uint32_t Importer::find(const std::string& name, const Scope& scope, Level& level) {
  if (name.empty()) return HRT_NONE;
  for (const Scope* s = &scope; s; s = s->outer)
    if (const auto it = s->values.find(name); it != s->values.end())
      return carry(it->second, *s->level, level);
  fail("nothing makes '", name, "'");
}

void Importer::bind(const std::string& name, uint32_t value, Scope& scope) {
  if (!name.empty()) require(scope.values.emplace(name, value).second, "value '", name, "' is made twice");
}

std::string Importer::unique_name(const std::string& wanted, Level& level) {
  // Counting on from the last such name keeps a thousand calls of one function from being quadratic.
  int& last = level.suffixes[wanted];
  std::string name = wanted;
  while (!level.names.insert(name).second) name = cat(wanted, "_", ++last + 1);
  return name;
}

// What a value is called in the host's graph. Names of a graph are reserved for it (import_graph); those
// of functions and adapters are made unlike any other.
std::string Importer::host_name(const std::string& name, const Scope& scope) {
  if (const auto it = scope.names.find(name); it != scope.names.end()) return it->second;
  if (name.starts_with('\0')) {
    const std::string visible = name.substr(1, name.find('\0', 1) - 1);
    return unique_name(cat(scope.prefix, visible), *scope.level);
  }
  return scope.prefix.empty() ? name : unique_name(cat(scope.prefix, name), *scope.level);
}

int64_t Importer::version_of(const std::string& domain, const Scope& scope) const {
  for (const Opsets* opsets : {scope.opsets, &opsets_})
    if (const auto it = opsets->find(domain); it != opsets->end()) return it->second;
  return 0;
}

}  // namespace hrt::importer
