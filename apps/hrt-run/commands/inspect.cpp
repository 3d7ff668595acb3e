// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <variant>

#include "apps/hrt-run/commands/options.h"
#include "apps/hrt-run/lib/census.h"
#include "apps/hrt-run/report.h"

namespace hrt {
namespace {

struct NamedType {
  std::string name;
  std::string type;
};

std::vector<NamedType> ports(const Graph& graph, const std::vector<ValueId>& values,
                             const std::vector<std::string>* names) {
  std::vector<NamedType> result;
  for (size_t i = 0; i < values.size(); ++i) {
    const ValueDef& value = graph.value(values[i]);
    result.push_back({names ? (*names)[i] : value.name, type_text(graph, value.type)});
  }
  return result;
}

Json ports_json(const std::vector<NamedType>& ports) {
  Json json = Json::array();
  for (const NamedType& port : ports) json.push_back({{"name", port.name}, {"type", port.type}});
  return json;
}

Json summary_json(const Graph& graph, const std::string& path) {
  const Census census = take_census(graph);
  return {{"model", path},
          {"graph", graph.name()},
          {"opsets", graph.opsets()},
          {"metadata", graph.metadata()},
          {"inputs", ports_json(ports(graph, graph.inputs(), nullptr))},
          {"outputs", ports_json(ports(graph, graph.outputs(), &graph.output_names()))},
          {"nodes", census.nodes},
          {"operators", census.operators},
          {"parameters", census.parameters},
          {"parameter_bytes", census.bytes}};
}

void print_summary(const Json& s) {
  say("{} \"{}\"\n", s["model"].get<std::string>(), s["graph"].get<std::string>());
  std::vector<std::vector<std::string>> rows;
  for (const auto& [domain, version] : s["opsets"].items())
    rows.push_back(
        {"opset", fmt::format("{} {}", domain.empty() ? "(standard)" : domain, version.get<int64_t>())});
  for (const char* kind : {"inputs", "outputs"})
    for (const Json& port : s[kind])
      rows.push_back(
          {std::string(kind, std::string_view(kind).size() - 1),
           fmt::format("{}  {}", port["name"].get<std::string>(), port["type"].get<std::string>())});
  rows.push_back({"parameters", fmt::format("{} in {}", s["parameters"].get<uint64_t>(),
                                            bytes_text(s["parameter_bytes"].get<uint64_t>()))});
  rows.push_back({"nodes", std::to_string(s["nodes"].get<size_t>())});
  std::vector<std::pair<size_t, std::string>> operators;
  for (const auto& [name, count] : s["operators"].items()) operators.emplace_back(count.get<size_t>(), name);
  std::sort(operators.begin(), operators.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  for (const auto& [count, name] : operators) rows.push_back({"", fmt::format("{:>6}  {}", count, name)});
  print_table(rows);
}

Json ranking_json(const Session& session) {
  Json ranking = Json::array();
  for (const Ranking& r : session.ranking())
    ranking.push_back({{"device", r.device}, {"cost", r.cost}, {"takes", r.takes}, {"refuses", r.refuses}});
  return ranking;
}

void print_ranking(const Session& session) {
  if (session.ranking().empty()) return;
  say("\ndevices, by the estimated cost of the whole model ({}):\n", policy_name(session.options().policy));
  std::vector<std::vector<std::string>> rows{{"device", "cost", "takes", "refuses"}};
  for (const Ranking& r : session.ranking())
    rows.push_back({r.device, r.cost, std::to_string(r.takes), std::to_string(r.refuses)});
  print_table(rows);
}

void print_placement(const Session& session) {
  print_ranking(session);
  std::vector<std::vector<std::string>> rows{{"device", "cluster", "operator", "node", "why"}};
  for (const Placement& p : session.placement()) {
    std::string why = p.why;
    for (const auto& r : p.refusals)
      why += fmt::format("{}{}: {}", why.empty() ? "" : "; ", r.device, r.reason);
    rows.push_back({p.device, p.cluster < 0 ? "" : std::to_string(p.cluster), p.op, p.node, why});
  }
  say("\nplacement: {}\n", placement_text(session));
  print_table(rows);
}

Json transfers_json(const MemoryReport& m) {
  Json transfers = Json::array();
  for (const auto& t : m.transfers)
    transfers.push_back(
        {{"value", t.name}, {"from", t.from}, {"to", t.to}, {"bytes", t.bytes}, {"step", t.step}});
  return transfers;
}

Json plan_json(const MemoryReport& m) {
  Json items = Json::array();
  for (const auto& item : m.items)
    items.push_back({{"name", item.name},
                     {"offset", item.offset},
                     {"bytes", item.bytes},
                     {"first_step", item.first_step},
                     {"last_step", item.last_step}});
  return {{"arena_bytes", m.arena_bytes},       {"device_bytes", m.device_bytes},
          {"unshared_bytes", m.unshared_bytes}, {"output_bytes", m.output_bytes},
          {"constant_bytes", m.constant_bytes}, {"items", items}};
}

void print_memory(const MemoryReport& m) {
  say("\nmemory: {} of activations ({} unshared), {} of outputs, {} of constants\n",
      bytes_text(m.arena_bytes), bytes_text(m.unshared_bytes), bytes_text(m.output_bytes),
      bytes_text(m.constant_bytes));
  std::vector<std::vector<std::string>> rows{{"offset", "bytes", "steps", "value"}};
  for (const auto& item : m.items)
    rows.push_back({std::to_string(item.offset), std::to_string(item.bytes),
                    fmt::format("{}-{}", item.first_step, item.last_step), item.name});
  print_table(rows);
  for (const auto& [device, bytes] : m.device_bytes)
    say("in the memory of {}: {} of activations\n", device, bytes_text(bytes));
}

void print_transfers(const MemoryReport& m) {
  uint64_t bytes = 0;
  for (const auto& t : m.transfers) bytes += t.bytes;
  say("\ntransfers: {}, {}\n", m.transfers.size(), bytes_text(bytes));
  if (m.transfers.empty()) return;
  std::vector<std::vector<std::string>> rows{{"step", "from", "to", "bytes", "value"}};
  for (const auto& t : m.transfers)
    rows.push_back({std::to_string(t.step), t.from, t.to, std::to_string(t.bytes), t.name});
  print_table(rows);
}

// The plan for the inputs' shapes; or why there is none without a run, as where shapes depend on data.
std::variant<MemoryReport, std::string> plan(Arguments& arguments, Session& session) {
  const auto inputs = make_inputs(arguments.runtime(), session.inputs(), input_options(arguments));
  std::vector<Type> types;
  for (const ValuePtr& value : inputs) types.push_back(value->type);
  try {
    return session.memory(types);
  } catch (const Error& e) {
    return e.message();
  }
}

int inspect(Arguments& arguments) {
  const bool placement = arguments.has("placement");
  const auto format = arguments.get<std::string>("placement", "text");
  if (format != "text" && format != "json") fail(HRT_ERROR_USAGE, "--placement: \"{}\" is no format", format);
  const bool json = arguments.json() || format == "json";
  const bool compiled = placement || arguments.flag("memory") || arguments.flag("passes");

  std::string text;
  Json summary;
  {
    const auto graph = arguments.runtime().load_model(arguments.model());
    summary = summary_json(*graph, arguments.model());
    if (arguments.flag("graph") && !arguments.flag("passes")) text = to_text(*graph);
  }
  Model model;
  if (compiled) model = open_model(arguments, arguments.session_options());
  if (arguments.flag("graph") && arguments.flag("passes")) text = to_text(*model.session->graph());

  if (json) {
    if (placement) {
      summary["placement"] = placement_json(*model.session);
      summary["ranking"] = ranking_json(*model.session);
    }
    if (placement || arguments.flag("memory")) {
      const auto planned = plan(arguments, *model.session);
      const auto* report = std::get_if<MemoryReport>(&planned);
      const Json error = report ? Json() : Json{{"error", std::get<std::string>(planned)}};
      summary["transfers"] = report ? transfers_json(*report) : error;
      if (arguments.flag("memory")) summary["memory"] = report ? plan_json(*report) : error;
    }
    if (arguments.flag("passes")) summary["rewrites"] = model.session->rewrites();
    if (arguments.flag("graph")) summary["text"] = text;
    print_json(summary);
    return HRT_OK;
  }
  print_summary(summary);
  if (arguments.flag("passes")) {
    say("\nrewrites: {}\n", model.session->rewrites().size());
    for (const std::string& line : model.session->rewrites()) say("{}\n", line);
  }
  if (placement) print_placement(*model.session);
  if (placement || arguments.flag("memory")) {
    const auto planned = plan(arguments, *model.session);
    if (const auto* report = std::get_if<MemoryReport>(&planned)) {
      if (arguments.flag("memory")) print_memory(*report);
      print_transfers(*report);
    } else {
      say("\nplan: {}\n", std::get<std::string>(planned));
    }
  }
  if (arguments.flag("graph")) say("\n{}", text);
  return HRT_OK;
}

void options(po::options_description& description) {
  auto add = description.add_options();
  add("placement", po::value<std::string>()->implicit_value("text")->value_name("[=json]"),
      "node by node: which device, why, and what others refused it for");
  add("memory", po::bool_switch(), "the plan of activations for these shapes");
  add("passes", po::bool_switch(), "how passes rewrote the graph");
  add("graph", po::bool_switch(), "the graph as text; with --passes as it is after them");
  add_input_options(description);
}

}  // namespace

const Command kInspect = {
    "inspect",
    "MODEL",
    1,
    1,
    "shows what a model holds, and how it would run",
    "  hrt-run inspect model.onnx\n"
    "  hrt-run inspect model.onnx --placement --memory --shape x:1x3x320x320\n"
    "  hrt-run inspect model.onnx --placement=json\n",
    false,
    options,
    inspect,
};

}  // namespace hrt
