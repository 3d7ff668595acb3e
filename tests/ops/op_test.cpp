// SPDX-License-Identifier: Apache-2.0
#include "tests/ops/op_test.h"

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

#include "core/execute/runtime.h"
#include "core/plugin/infer.h"
#include "core/plugin/kernel.h"

namespace hrt::test {
namespace {

hrt_dtype dtype_by_name(const std::string& name) {
  for (hrt_dtype t = 1; t < HRT_DTYPE_COUNT; ++t)
    if (name == dtype_name(t)) return t;
  throw std::runtime_error("unknown type " + name);
}

Dims parse_dims(const std::string& text) {
  Dims dims;
  std::istringstream in(text == "scalar" ? "" : text);
  for (std::string d; std::getline(in, d, 'x');) dims.push_back(std::stoll(d));
  return dims;
}

std::string decode(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] == '%') {
      const std::string hex = text.substr(i + 1, 2);
      if (hex != "00") out += char(std::stoi(hex, nullptr, 16));  // %00 stands for nothing: an empty text
      i += 2;
    } else {
      out += text[i];
    }
  return out;
}

// Calls f.template operator()<T>() for the types that a case can hold.
template <class F>
void with_type(hrt_dtype t, F f) {
  switch (t) {
    case HRT_FLOAT32: return f.template operator()<float>();
    case HRT_FLOAT64: return f.template operator()<double>();
    case HRT_FLOAT16: return f.template operator()<float16>();
    case HRT_BFLOAT16: return f.template operator()<bfloat16>();
    case HRT_INT8: return f.template operator()<int8_t>();
    case HRT_INT16: return f.template operator()<int16_t>();
    case HRT_INT32: return f.template operator()<int32_t>();
    case HRT_INT64: return f.template operator()<int64_t>();
    case HRT_UINT8: return f.template operator()<uint8_t>();
    case HRT_UINT16: return f.template operator()<uint16_t>();
    case HRT_UINT32: return f.template operator()<uint32_t>();
    case HRT_UINT64: return f.template operator()<uint64_t>();
    case HRT_BOOL: return f.template operator()<bool>();
    default: throw std::runtime_error(std::string("cases have no elements of type ") + dtype_name(t));
  }
}

template <class T>
T parse_number(const std::string& text) {
  if constexpr (std::is_same_v<T, uint64_t>)
    return std::stoull(text);
  else if constexpr (std::is_integral_v<T>)
    return T(std::stoll(text));
  else if constexpr (std::is_same_v<T, double>)
    return std::stod(text);
  else
    return T(std::stof(text));
}

// "float32 2x2 : 1 2 3 4", or "- :" for none.
Tensor parse_tensor(std::istream& in) {
  std::string type, shape, colon, element;
  in >> type;
  if (type == "-") return {};
  in >> shape >> colon;
  Tensor t = Tensor::allocate(dtype_by_name(type), parse_dims(shape));
  for (uint64_t i = 0; i < t.size(); ++i) {
    if (!(in >> element)) throw std::runtime_error("too few elements");
    if (t.dtype() == HRT_STRING)
      t.set_string(i, decode(element));
    else
      with_type(t.dtype(), [&]<class T>() { t.data_as<T>()[i] = parse_number<T>(element); });
  }
  return t;
}

template <class T, class Parse>
std::vector<T> rest(std::istream& in, Parse parse) {
  std::vector<T> out;
  for (std::string s; in >> s;) out.push_back(parse(s));
  return out;
}

Attribute parse_attribute(std::istream& in) {
  std::string name, type, text;
  in >> name >> type;
  if (type == "ints") return {name, rest<int64_t>(in, parse_number<int64_t>)};
  if (type == "floats") return {name, rest<float>(in, parse_number<float>)};
  if (type == "strings") return {name, std::make_shared<const StringList>(rest<std::string>(in, decode))};
  if (type == "tensor") return {name, std::make_shared<const TensorView>(parse_tensor(in))};
  in >> text;
  if (type == "int") return {name, parse_number<int64_t>(text)};
  if (type == "float") return {name, parse_number<float>(text)};
  if (type == "string") return {name, decode(text)};
  throw std::runtime_error("unknown kind of attribute " + type);
}

void parse_line(OpCase& c, const std::string& line) {
  std::istringstream in(line);
  std::string word;
  in >> word;
  if (word == "op")
    in >> c.op >> c.domain;
  else if (word == "attr")
    c.attributes.push_back(parse_attribute(in));
  else if (word == "in")
    c.inputs.push_back(parse_tensor(in));
  else if (word == "out")
    c.expected.push_back(parse_tensor(in));
  else if (word == "tolerance")
    in >> c.relative >> c.absolute;
  else if (word == "error")
    c.error = line.substr(6);
  else
    throw std::runtime_error("unknown word " + word);
}

Registry& registry() {
  static Runtime runtime([] {
    RuntimeOptions options;
    options.plugin_directories = {HRT_PLUGIN_DIR};
    return options;
  }());
  return runtime.registry();
}

Type told(const Tensor& t, Known known) {
  switch (known) {
    case Known::kData:
    case Known::kShapes: return t.type();
    case Known::kSymbols:
    case Known::kRanks: return Type::tensor(t.dtype(), Dims(t.dims().size(), HRT_DIM_UNKNOWN));
    case Known::kNothing: return Type::tensor(t.dtype());
  }
  return {};
}

Type symbolic(Transaction& edit, const Tensor& t, std::map<int64_t, int64_t>& symbols) {
  Dims dims;
  for (const int64_t d : t.dims()) {
    dims.push_back(edit.symbol("d" + std::to_string(symbols.size())));
    symbols[dims.back()] = d;
  }
  return Type::tensor(t.dtype(), dims);
}

// With the numbers that the symbols stand for.
Type substituted(const Type& type, const std::map<int64_t, int64_t>& symbols) {
  if (!type.is_tensor() || !type.ranked()) return type;
  Dims dims(type.dims().begin(), type.dims().end());
  for (int64_t& d : dims)
    if (const auto it = symbols.find(d); it != symbols.end()) d = it->second;
  return Type::tensor(type.dtype(), dims);
}

}  // namespace

std::vector<OpCase> read_cases(const std::filesystem::path& file) {
  std::vector<OpCase> cases;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("case ")) {
      cases.emplace_back().name = line.substr(5);
      continue;
    }
    try {
      parse_line(cases.back(), line);
    } catch (const std::exception& e) {
      throw std::runtime_error(file.string() + ", case " + cases.back().name + ": " + e.what());
    }
  }
  return cases;
}

std::vector<Tensor> run(const OpCase& c, Known known, uint64_t output_limit) {
  registry();
  Graph graph;
  Transaction edit(graph);
  std::vector<ValueId> inputs;
  std::vector<ValuePtr> values;
  std::map<int64_t, int64_t> symbols;  // what each dimension is
  std::vector<const hrt_value*> arguments;
  for (const Tensor& t : c.inputs) {
    inputs.push_back(t.empty() ? HRT_NONE
                               : edit.add_input("in" + std::to_string(inputs.size()), told(t, known)));
    values.push_back(t.empty() ? nullptr : make_value(t));
    arguments.push_back(values.back().get());
  }
  std::vector<Transaction::Output> outputs;
  for (const Tensor& t : c.expected) outputs.push_back({"out" + std::to_string(outputs.size()), !t.empty()});
  if (outputs.empty()) outputs.push_back({"out0"});
  const NodeId node = edit.add_node(c.domain, c.op, "node", inputs, outputs, c.attributes);
  edit.sort();

  Facts facts(graph);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == HRT_NONE) continue;
    if (known == Known::kData) facts[inputs[i]] = fact_of(std::make_shared<const Tensor>(c.inputs[i]));
    facts[inputs[i]].type = told(c.inputs[i], known);
    if (known == Known::kSymbols) facts[inputs[i]].type = symbolic(edit, c.inputs[i], symbols);
  }
  check_schema(graph, node, facts);
  infer_node(graph, node, facts);
  for (const ValueId v : graph.node(node).outputs)
    if (v != HRT_NONE && facts[v].type.is_static() &&
        tensor_bytes(facts[v].type.dtype(), facts[v].type.dims()) > output_limit)
      throw TooLarge();
  std::vector<Tensor> out;
  for (const ValuePtr& v : evaluate(graph, node, arguments)) out.push_back(v ? v->tensor : Tensor());
  for (size_t i = 0; i < out.size(); ++i) {
    const ValueId id = graph.node(node).outputs[i];
    if (id == HRT_NONE) continue;
    try {
      merge(substituted(facts[id].type, symbols), out[i].type());
    } catch (const std::exception& e) {
      throw Disagreement(e.what());
    }
    if (facts[id].constant && !compare(*facts[id].constant, out[i], 0, 0).empty())
      throw Disagreement("inference computes other elements than the kernel");
  }
  edit.commit();
  return out;
}

std::string compare(const Tensor& got, const Tensor& expected, double relative, double absolute) {
  if (!(got.type() == expected.type()))
    return to_string(got.type()) + " instead of " + to_string(expected.type());
  for (uint64_t i = 0; i < got.size(); ++i) {
    if (got.dtype() == HRT_STRING) {
      if (got.string(i) != expected.string(i))
        return "element " + std::to_string(i) + ": " + std::string(got.string(i));
      continue;
    }
    double a = 0, b = 0;
    with_type(got.dtype(), [&]<class T>() {
      a = double(got.data_as<T>()[i]);
      b = double(expected.data_as<T>()[i]);
    });
    const bool same =
        a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= absolute + relative * std::fabs(b);
    if (!same)
      return "element " + std::to_string(i) + ": " + std::to_string(a) + " instead of " + std::to_string(b);
  }
  return "";
}

}  // namespace hrt::test
