// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <set>

#include "apps/hrt-run/commands/options.h"
#include "apps/hrt-run/lib/benchmark.h"
#include "apps/hrt-run/lib/data_set.h"
#include "apps/hrt-run/lib/input_file.h"
#include "apps/hrt-run/lib/output_file.h"
#include "apps/hrt-run/lib/summary.h"
#include "apps/hrt-run/report.h"
#include "core/base/mapped_file.h"

namespace hrt {
namespace {

namespace fs = std::filesystem;

struct Classes {
  size_t k = 0;
  bool softmax = false;
  std::vector<std::string> labels;

  std::string label(uint64_t i) const { return i < labels.size() ? labels[i] : fmt::format("class {}", i); }
};

std::vector<std::string> read_labels(const std::string& path) {
  constexpr size_t kLimit = 16 << 20;
  const auto file = MappedFile::open(path);
  if (file->bytes().size() > kLimit) fail(HRT_ERROR_BAD_DATA, "{}: over {} bytes of labels", path, kLimit);
  std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  std::vector<std::string> labels;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    labels.emplace_back(text.substr(0, end > 0 && text[end - 1] == '\r' ? end - 1 : end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return labels;
}

Classes class_options(const Arguments& arguments) {
  Classes classes;
  if (arguments.has("top-k")) classes.k = parse_whole(arguments.get<std::string>("top-k"), "top-k", 1);
  classes.softmax = arguments.flag("softmax");
  if (arguments.has("labels")) classes.labels = read_labels(arguments.get<std::string>("labels"));
  if (classes.k == 0 && (classes.softmax || !classes.labels.empty())) classes.k = 5;
  return classes;
}

bool has_classes(const ValuePtr& value) {
  return value->type.is_tensor() && value->tensor.dtype() != HRT_STRING && !value->tensor.dims().empty();
}

void print_classes(const Tensor& tensor, const Classes& classes) {
  const auto rows = top_k(tensor, classes.k, classes.softmax);
  for (size_t row = 0; row < rows.size(); ++row) {
    if (rows.size() > 1) say("  [{}]\n", row);
    for (const Rank& rank : rows[row]) say("  {:>10.6f}  {}\n", rank.value, classes.label(rank.index));
  }
}

Json classes_json(const Tensor& tensor, const Classes& classes) {
  Json json = Json::array();
  for (const auto& row : top_k(tensor, classes.k, classes.softmax)) {
    Json ranks = Json::array();
    for (const Rank& rank : row)
      ranks.push_back({{"index", rank.index}, {"value", rank.value}, {"label", classes.label(rank.index)}});
    json.push_back(ranks);
  }
  return json;
}

Json summary_json(const ValuePtr& value) {
  if (!value->type.is_tensor()) return {{"text", describe(value)}};
  const Tensor& tensor = value->tensor;
  if (tensor.dtype() == HRT_STRING) {
    Json first = Json::array();
    for (uint64_t i = 0; i < std::min<uint64_t>(tensor.size(), 8); ++i) first.push_back(tensor.string(i));
    return {{"count", tensor.size()}, {"first", first}};
  }
  const Summary s = summarise(tensor);
  return {{"count", s.count}, {"min", s.min}, {"max", s.max},      {"mean", s.mean},
          {"std", s.std},     {"nan", s.nan}, {"inf", s.infinite}, {"first", s.first}};
}

// What an output should be, and how far from it it is.
struct Check {
  size_t output;
  ValuePtr expected;
  Comparison result;
};

std::vector<Check> read_expected(Arguments& arguments, const Session& session) {
  std::vector<Check> checks;
  for (const std::string& text : arguments.all("expected")) {
    const auto [i, source] = split_port(session.outputs(), text, "=", "output");
    if (!source.starts_with('@')) fail(HRT_ERROR_USAGE, "--expected: \"{}\" is not @FILE", source);
    checks.push_back(
        {i, read_input_file(arguments.runtime(), source.substr(1), session.outputs()[i].type, {}), {}});
  }
  if (arguments.has("data-dir")) {
    const auto values =
        read_data(arguments.runtime(), arguments.get<std::string>("data-dir"), "output", session.outputs());
    for (size_t i = 0; i < values.size(); ++i) checks.push_back({i, values[i], {}});
  }
  return checks;
}

void write_outputs(Arguments& arguments, const Session& session, const Request& request) {
  const auto format = arguments.get<std::string>("output-format", "npy");
  if (format != "npy" && format != "pb")
    fail(HRT_ERROR_USAGE, "--output-format: \"{}\" is neither npy nor pb", format);
  const auto write = [&](const fs::path& path, size_t i) {
    if (path.extension() == ".pb")
      arguments.runtime().save_value(path, request.output(i), session.outputs()[i].name);
    else
      write_value(path, request.output(i));
  };
  for (const std::string& text : arguments.all("output")) {
    if (text.find("=@") != std::string::npos) {
      const auto [i, target] = split_port(session.outputs(), text, "=", "output");
      write(target.substr(target.starts_with('@') ? 1 : 0), i);
      continue;
    }
    fs::create_directories(text);
    std::set<std::string> taken;
    for (size_t i = 0; i < session.outputs().size(); ++i) {
      if (format == "pb") {
        write(fs::path(text) / fmt::format("output_{}.pb", i), i);
        continue;
      }
      std::string name = file_name(session.outputs()[i].name);
      while (!taken.insert(name).second) name += '_';  // names that differ in nothing that a file name holds
      write(fs::path(text) / (name + ".npy"), i);
    }
  }
}

void print_check(const Session& session, const Check& check) {
  const Comparison& c = check.result;
  say("{} \"{}\": max abs error {:.3g}, max rel error {:.3g}{}{}\n", c.equal() ? "match" : "MISMATCH",
      session.outputs()[check.output].name, c.max_abs, c.max_rel, c.equal() ? "" : "; ", c.difference);
}

Json check_json(const Session& session, const Check& check) {
  return {{"output", session.outputs()[check.output].name},
          {"match", check.result.equal()},
          {"difference", check.result.difference},
          {"max_abs_error", check.result.max_abs},
          {"max_rel_error", check.result.max_rel}};
}

int run(Arguments& arguments) {
  const Classes classes = class_options(arguments);
  const Tolerance tolerance = tolerance_options(arguments, {});
  Profiler profiler(arguments);
  const Model model = open_model(arguments, arguments.session_options());
  Session& session = *model.session;
  const auto inputs = make_inputs(arguments.runtime(), session.inputs(), input_options(arguments));
  std::vector<Check> checks = read_expected(arguments, session);

  RunOptions options;
  options.trace = profiler.trace();
  uint64_t run_ns = 0;
  const auto request = with_context(arguments.model(), [&] {
    auto made = make_request(session, inputs);
    const uint64_t begin = now_ns();
    if (arguments.has("deadline"))
      options.deadline =
          std::chrono::steady_clock::now() +
          std::chrono::milliseconds(parse_whole(arguments.get<std::string>("deadline"), "deadline"));
    made->run(options);
    run_ns = now_ns() - begin;
    return made;
  });
  write_outputs(arguments, session, *request);
  bool match = true;
  for (Check& check : checks) {
    check.result = compare(request->output(check.output), check.expected, tolerance);
    match = match && check.result.equal();
  }

  if (arguments.json()) {
    Json json{{"model", arguments.model()}, {"outputs", Json::array()}, {"checks", Json::array()}};
    for (size_t i = 0; i < session.outputs().size(); ++i) {
      const ValuePtr& value = request->output(i);
      Json output{{"name", session.outputs()[i].name}, {"type", to_string(value->type)}};
      if (value->type.is_tensor()) output["shape"] = value->tensor.dims();
      output["summary"] = summary_json(value);
      if (classes.k > 0 && has_classes(value)) output["top_k"] = classes_json(value->tensor, classes);
      json["outputs"].push_back(output);
    }
    for (const Check& check : checks) json["checks"].push_back(check_json(session, check));
    json["plugins_ns"] = model.plugins_ns;
    json["load_ns"] = model.load_ns;
    json["compile_ns"] = model.compile_ns;
    json["run_ns"] = run_ns;
    profiler.finish(&json);
    print_json(json);
  } else {
    for (size_t i = 0; i < session.outputs().size(); ++i) {
      const ValuePtr& value = request->output(i);
      say("{}  {}\n  {}\n", session.outputs()[i].name, to_string(value->type), describe(value));
      if (classes.k > 0 && has_classes(value)) print_classes(value->tensor, classes);
    }
    for (const Check& check : checks) print_check(session, check);
    say("plugins {}, load {}, compile {}, run {} ({})\n", milliseconds(double(model.plugins_ns)),
        milliseconds(double(model.load_ns)), milliseconds(double(model.compile_ns)),
        milliseconds(double(run_ns)), placement_text(session));
    profiler.finish(nullptr);
  }
  return match ? HRT_OK : HRT_ERROR_MISMATCH;
}

void options(po::options_description& description) {
  add_input_options(description);
  const auto texts = [] { return po::value<std::vector<std::string>>()->composing(); };
  const auto text = [] { return po::value<std::string>(); };
  auto add = description.add_options();
  add("output,o", texts()->value_name("DIR|NAME=@FILE"),
      "write all outputs as DIR/NAME.npy, or one (.npy, .pb)");
  add("output-format", text()->value_name("npy|pb"),
      "pb: DIR/output_0.pb, ..., as --data-dir reads; any type");
  add("top-k", text()->value_name("K"), "the K largest elements of each output");
  add("labels", text()->value_name("FILE"), "their names, one a line");
  add("softmax", po::bool_switch(), "apply softmax before showing them");
  add("expected", texts()->value_name("NAME=@FILE"), "compare an output; a mismatch is exit code 4");
  add_tolerance_options(description, {});
  add("deadline", text()->value_name("MS"), "give up after so many milliseconds, with exit code 5");
}

}  // namespace

const Command kRun = {
    "run",
    "MODEL",
    1,
    1,
    "runs a model once and shows its outputs",
    "Inputs: NAME=@FILE (.npy .pb .png .jpg .bmp .wav .flac .ogg .bin), NAME=random:SEED, NAME=zeros; "
    "\"NAME=\"\n"
    "may be left out for a model with one input. Pictures hold pixels from 0 to 255, then (x - mean) / std;\n"
    "sound is mono, -1 to 1; .bin has the tensor's bytes. What is not given is random, seeded with its "
    "number\n"
    "and the same on every machine: floats N(0, 1), 8-bit integers over their whole range, wider ones 0 or "
    "1.\n"
    "Dimensions that the model leaves open follow --shape or other inputs that share them, else are 1.\n"
    "With --data-dir, outputs are compared with output_0.pb, ... where those are there. Types that NumPy "
    "lacks\n"
    "are written to .npy as bits (bfloat16: V2, 8-bit floats: V1) or as bytes (4-bit integers: i1, u1); .pb "
    "holds\n"
    "any type, sequence or optional, in the form of ONNX's tests.\n\n"
    "  hrt-run model.onnx\n"
    "  hrt-run run model.onnx --input image=@cat.png --mean 123.7,116.3,103.5 --std 58.4,57.1,57.4 --top-k "
    "5\n"
    "  hrt-run run model.onnx --data-dir test_data_set_0 --atol 1e-5\n"
    "  hrt-run run model.onnx --shape x:8x3x224x224 --output results --profile table\n",
    true,
    options,
    run,
};

}  // namespace hrt
