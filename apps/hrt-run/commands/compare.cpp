// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "apps/hrt-run/commands/options.h"
#include "apps/hrt-run/lib/benchmark.h"
#include "apps/hrt-run/report.h"

namespace hrt {
namespace {

// Another order of sums on another device gives other last digits.
constexpr Tolerance kDefaults{1e-3, 1e-4};

struct Row {
  std::string value;
  std::string node;  // that makes it
  size_t order;      // of that node in the graph
  std::string type;
  Comparison result;
};

// By the name of a value: the node that makes it, and how many come before that one.
struct Producer {
  size_t order;
  std::string node;
};
std::map<std::string, Producer> producers(const Graph& graph) {
  std::map<std::string, Producer> found;
  for (const NodeId id : graph.nodes())
    for (const ValueId value : graph.node(id).outputs)
      if (value != HRT_NONE) found[graph.value(value).name] = {found.size() + 1, graph.node(id).describe()};
  return found;
}

// By name, every output of one run; names in order.
struct Outputs {
  std::vector<std::string> names;
  std::map<std::string, ValuePtr> values;
};

Outputs run_on(Session& session, const std::vector<ValuePtr>& inputs, Trace* trace) {
  const auto request = make_request(session, inputs);
  request->run({.deadline = {}, .trace = trace});
  Outputs outputs;
  for (size_t i = 0; i < session.outputs().size(); ++i) {
    outputs.names.push_back(session.outputs()[i].name);
    outputs.values[session.outputs()[i].name] = own(request->output(i));
  }
  return outputs;
}

// In the order in which the values are made, so that the first bad one is where it began.
std::vector<Row> compare_outputs(const Outputs& actual, const Outputs& expected, const Tolerance& tolerance,
                                 const std::map<std::string, Producer>& makers) {
  std::vector<Row> rows;
  for (const std::string& name : actual.names) {
    const auto other = expected.values.find(name);
    if (other == expected.values.end()) continue;
    const auto maker = makers.find(name);
    const Producer producer = maker == makers.end() ? Producer{0, ""} : maker->second;
    rows.push_back({name, producer.node, producer.order, to_string(actual.values.at(name)->type),
                    compare(actual.values.at(name), other->second, tolerance)});
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.order < b.order; });
  return rows;
}

int compare_devices(Arguments& arguments) {
  const Tolerance tolerance = tolerance_options(arguments, kDefaults);
  SessionOptions options = arguments.session_options();
  Config other = arguments.config();
  with_context("--ref-device", [&] {
    set_config(other, "devices.order", parse_devices(arguments.get<std::string>("ref-device", "reference")),
               "--ref-device");
  });
  SessionOptions reference = session_options(other, arguments.runtime());
  options.all_values = reference.all_values = arguments.flag("all");
  Profiler profiler(arguments);

  const auto makers = producers(*arguments.runtime().load_model(arguments.model()));
  const Model a = open_model(arguments, options);
  const Model b = open_model(arguments, reference);
  const auto inputs = make_inputs(arguments.runtime(), a.session->inputs(), input_options(arguments));
  const auto rows = with_context(arguments.model(), [&] {
    const Outputs actual = run_on(*a.session, inputs, profiler.trace());
    return compare_outputs(actual, run_on(*b.session, inputs, nullptr), tolerance, makers);
  });
  const auto bad = std::find_if(rows.begin(), rows.end(), [](const Row& row) { return !row.result.equal(); });

  if (arguments.json()) {
    Json json{{"model", arguments.model()},
              {"devices", options.devices},
              {"ref_devices", reference.devices},
              {"match", bad == rows.end()},
              {"first_bad", bad == rows.end() ? Json(nullptr) : Json(bad->value)},
              {"values", Json::array()}};
    for (const Row& row : rows)
      json["values"].push_back({{"name", row.value},
                                {"node", row.node},
                                {"type", row.type},
                                {"match", row.result.equal()},
                                {"max_abs_error", row.result.max_abs},
                                {"max_rel_error", row.result.max_rel},
                                {"cosine", row.result.cosine},
                                {"difference", row.result.difference}});
    profiler.finish(&json);
    print_json(json);
  } else {
    std::vector<std::vector<std::string>> table{
        {"", "max abs", "max rel", "cosine", "value", "type", "node"}};
    for (const Row& row : rows)
      table.push_back({row.result.equal() ? "ok" : "BAD", fmt::format("{:.3g}", row.result.max_abs),
                       fmt::format("{:.3g}", row.result.max_rel), fmt::format("{:.8f}", row.result.cosine),
                       row.value, row.type, row.node});
    print_table(table);
    if (bad == rows.end())
      say("{} values agree\n", rows.size());
    else
      say("first bad value: \"{}\"{}: {}\n", bad->value, bad->node.empty() ? "" : " of " + bad->node,
          bad->result.difference);
    profiler.finish(nullptr);
  }
  return bad == rows.end() ? HRT_OK : HRT_ERROR_MISMATCH;
}

void options(po::options_description& description) {
  auto add = description.add_options();
  add("ref-device", po::value<std::string>()->value_name("DEVICE"), "what to compare with (reference)");
  add("all", po::bool_switch(), "every value inside the model, node by node; passes are switched off");
  add_tolerance_options(description, kDefaults);
  add_input_options(description);
}

}  // namespace

const Command kCompare = {
    "compare",
    "MODEL",
    1,
    1,
    "runs a model on two devices and compares the results",
    "Shows, for each output, the largest absolute and relative error against the reference device and the\n"
    "cosine of the two; names the first value out of tolerance, with the node that makes it. Exit code 4 "
    "when\n"
    "there is one. Inputs are those of hrt-run run.\n\n"
    "  hrt-run compare model.onnx -d cpu --ref-device reference\n"
    "  hrt-run compare model.onnx --all --atol 1e-5\n",
    true,
    options,
    compare_devices,
};

}  // namespace hrt
