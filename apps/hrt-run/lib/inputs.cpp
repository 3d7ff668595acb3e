// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/inputs.h"

#include <charconv>
#include <map>
#include <optional>

#include "apps/hrt-run/lib/data_set.h"
#include "apps/hrt-run/lib/generator.h"
#include "apps/hrt-run/lib/input_file.h"
#include "core/base/error.h"

namespace hrt {
namespace {

// Numbers that symbolic dimensions turned out to be.
class Symbols {
 public:
  void learn(const Type& declared, const ValuePtr& value) {
    if (!declared.is_tensor() || !declared.ranked() || !value->type.is_tensor()) return;
    const auto dims = declared.dims();
    for (size_t i = 0; i < dims.size() && i < value->type.dims().size(); ++i)
      if (HRT_DIM_IS_SYMBOL(dims[i])) known_.emplace(dims[i], value->type.dims()[i]);
  }
  void learn(const Type& declared, const Type& given) {
    if (!declared.is_tensor() || !declared.ranked()) return;
    for (size_t i = 0; i < declared.dims().size(); ++i)
      if (HRT_DIM_IS_SYMBOL(declared.dims()[i])) known_.emplace(declared.dims()[i], given.dims()[i]);
  }

  // otherwise: for dimensions of which nothing is known; empty: they stay as they are.
  Type resolve(const Type& type, std::optional<int64_t> otherwise) const {
    if (type.kind() == HRT_KIND_SEQUENCE) return Type::sequence(resolve(type.element(), otherwise));
    if (type.kind() == HRT_KIND_OPTIONAL) return Type::optional(resolve(type.element(), otherwise));
    if (!type.is_tensor() || !type.ranked()) return type;
    Dims dims(type.dims().begin(), type.dims().end());
    for (int64_t& dim : dims) {
      if (is_number(dim)) continue;
      const auto it = known_.find(dim);
      dim = it != known_.end() ? it->second : otherwise.value_or(dim);
    }
    return Type::tensor(type.dtype(), std::move(dims));
  }

 private:
  std::map<int64_t, int64_t> known_;
};

ValuePtr from_word(const std::string& source, const Type& type) {
  constexpr std::string_view kRandom = "random:";
  if (source == "zeros") return zeros(type);
  uint64_t seed = 0;
  const char* end = source.data() + source.size();
  if (!source.starts_with(kRandom) ||
      std::from_chars(source.data() + kRandom.size(), end, seed) != std::from_chars_result{end, std::errc()})
    fail(HRT_ERROR_USAGE, "\"{}\" is none of @FILE, random:SEED, zeros", source);
  return Generator(seed).value(type);
}

}  // namespace

Dims parse_dims(std::string_view text) {
  Dims dims;
  if (text == "scalar") return dims;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    int64_t dim = 0;
    const auto [next, error] = std::from_chars(at, end, dim);
    if (error != std::errc() || dim < 0 || (next != end && *next != 'x'))
      fail(HRT_ERROR_USAGE, "\"{}\" is no shape like 1x3x224x224", text);
    dims.push_back(dim);
    if (next == end) return dims;
    at = next + 1;
  }
}

std::pair<size_t, std::string> split_port(std::span<const Port> ports, const std::string& text,
                                          std::string_view separator, std::string_view what) {
  std::optional<size_t> found;
  for (size_t i = 0; i < ports.size(); ++i) {
    const std::string prefix = ports[i].name + std::string(separator);
    if (text.starts_with(prefix) && (!found || ports[i].name.size() > ports[*found].name.size())) found = i;
  }
  if (found) return {*found, text.substr(ports[*found].name.size() + separator.size())};
  const size_t at = text.rfind(separator);
  const bool named = at != std::string::npos && text[0] != '@' && !text.starts_with("random:");
  if (!named && ports.size() == 1) return {0, text};
  std::vector<std::string> names;
  for (const Port& port : ports) names.push_back(port.name);
  const std::string name = text.substr(0, at);
  const std::string near = nearest(name, names);
  fail(HRT_ERROR_USAGE, "the model has no {} \"{}\"{}; it has {}", what, name,
       near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near),
       names.empty() ? "none" : fmt::format("\"{}\"", fmt::join(names, "\", \"")));
}

std::vector<ValuePtr> make_inputs(Runtime& runtime, std::span<const Port> ports,
                                  const InputOptions& options) {
  std::vector<ValuePtr> values(ports.size());
  std::vector<Type> types;
  for (const Port& port : ports) types.push_back(port.type);
  Symbols symbols;

  for (const std::string& text : options.shapes) {
    const auto [i, shape] = split_port(ports, text, ":", "input");
    with_context(fmt::format("input \"{}\"", ports[i].name), [&, i = i, &shape = shape] {
      types[i] = merge(types[i], Type::tensor(HRT_UNDEFINED, parse_dims(shape)));
      symbols.learn(ports[i].type, types[i]);
    });
  }
  if (!options.data_dir.empty()) {
    const std::vector<ValuePtr> given = read_data(runtime, options.data_dir, "input", ports);
    for (size_t i = 0; i < given.size(); ++i) symbols.learn(types[i], values[i] = given[i]);
  }

  std::vector<std::string> words(ports.size());  // sources that are no files
  for (const std::string& text : options.sources) {
    const auto [i, source] = split_port(ports, text, "=", "input");
    if (!source.starts_with('@')) {
      words[i] = source;
      continue;
    }
    values[i] = read_input_file(runtime, source.substr(1), symbols.resolve(types[i], {}), options.pictures);
    symbols.learn(types[i], values[i]);
  }
  for (size_t i = 0; i < ports.size(); ++i) {
    if (values[i] && words[i].empty()) continue;
    const std::string source = words[i].empty() ? fmt::format("random:{}", i) : words[i];
    values[i] = with_context(fmt::format("input \"{}\"", ports[i].name),
                             [&] { return from_word(source, symbols.resolve(types[i], 1)); });
  }
  return values;
}

}  // namespace hrt
