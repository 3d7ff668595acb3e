// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>

#include "apps/hrt-run/commands/options.h"
#include "apps/hrt-run/lib/benchmark.h"
#include "apps/hrt-run/lib/environment.h"
#include "apps/hrt-run/lib/first_run.h"
#include "apps/hrt-run/lib/phases.h"
#include "apps/hrt-run/lib/statistics.h"
#include "apps/hrt-run/progress.h"
#include "apps/hrt-run/report.h"

namespace hrt {
namespace {

constexpr int kSchemaVersion = 1;  // of the report: raised when a member changes its meaning or goes

// "2", "0.5s", "500ms" in nanoseconds; a bare number is in seconds.
uint64_t parse_duration(std::string text, const char* option) {
  double scale = 1e9;
  if (text.ends_with("ms")) {
    scale = 1e6;
    text.resize(text.size() - 2);
  } else if (text.ends_with("s")) {
    text.pop_back();
  }
  const double value = parse_number(text, option);
  if (value < 0 || value * scale > 1e15) fail(HRT_ERROR_USAGE, "--{}: {} is out of range", option, text);
  return uint64_t(value * scale);
}

BenchmarkOptions benchmark_options(const Arguments& arguments) {
  BenchmarkOptions options;
  if (arguments.has("warmup")) {
    const auto text = arguments.get<std::string>("warmup");
    const bool time = text.ends_with("s");
    options.warmup_runs = time ? 1 : parse_whole(text, "warmup");
    options.warmup_ns = time ? parse_duration(text, "warmup") : 0;
  }
  if (arguments.has("iters") && arguments.has("duration"))
    fail(HRT_ERROR_USAGE, "--iters and --duration exclude each other");
  if (arguments.has("iters"))
    options.iterations = parse_whole(arguments.get<std::string>("iters"), "iters", 1, 100'000'000);
  if (arguments.has("duration"))
    options.duration_ns = parse_duration(arguments.get<std::string>("duration"), "duration");
  if (arguments.has("streams"))
    options.streams = unsigned(parse_whole(arguments.get<std::string>("streams"), "streams", 1, 1024));
  if (arguments.has("rate")) {
    options.rate = parse_number(arguments.get<std::string>("rate"), "rate");
    if (options.rate <= 0) fail(HRT_ERROR_USAGE, "--rate: {} is not above 0", options.rate);
  }
  return options;
}

std::vector<double> percentile_options(const Arguments& arguments) {
  if (!arguments.has("percentile")) return {};
  const auto values = parse_numbers(arguments.get<std::string>("percentile"), "percentile");
  for (const double p : values)
    if (p < 0 || p > 100) fail(HRT_ERROR_USAGE, "--percentile: {} is not from 0 to 100", p);
  return values;
}

Json environment_json(Runtime& runtime) {
  const Environment e = read_environment();
  Json plugins = Json::array();
  for (const auto& device : runtime.devices()) {
    const Manifest& m = device->plugin().manifest;
    plugins.push_back({{"device", device->name()}, {"plugin", m.id}, {"version", m.version}});
  }
  return {{"version", e.version},
          {"build", e.build},
          {"compiler", e.compiler},
          {"kernel", e.kernel},
          {"cpu", e.cpu},
          {"cores", e.cores},
          {"governor", e.governor.empty() ? Json(nullptr) : Json(e.governor)},
          {"memory_bytes", e.memory_bytes},
          {"plugins", plugins}};
}

Json inputs_json(const Session& session, const std::vector<ValuePtr>& inputs) {
  Json json = Json::array();
  for (size_t i = 0; i < inputs.size(); ++i)
    json.push_back({{"name", session.inputs()[i].name}, {"type", to_string(inputs[i]->type)}});
  return json;
}

Json options_json(const Session& session, const BenchmarkOptions& options) {
  return {{"devices", session.options().devices}, {"threads", session.options().threads},
          {"warmup_runs", options.warmup_runs},   {"warmup_ns", options.warmup_ns},
          {"iterations", options.iterations},     {"duration_ns", options.duration_ns},
          {"streams", options.streams},           {"rate", options.rate}};
}

double throughput(const BenchmarkResult& result) {
  return result.wall_ns == 0 ? 0 : double(result.samples_ns.size()) * 1e9 / double(result.wall_ns);
}

Json report_json(Arguments& arguments, const Model& model, const std::vector<ValuePtr>& inputs,
                 const BenchmarkOptions& options, const BenchmarkResult& result) {
  const Statistics s = statistics(result.samples_ns);
  Json percentiles = Json::object();
  std::vector<uint64_t> sorted = result.samples_ns;
  std::sort(sorted.begin(), sorted.end());
  for (const double p : percentile_options(arguments))
    percentiles[fmt::format("{:g}", p)] = percentile(sorted, p);
  Json memory = memory_json(*model.session, inputs);
  memory["runtime_peak_bytes"] = memory_peak();
  memory["resident_peak_bytes"] = peak_resident_bytes();
  return {{"schema_version", kSchemaVersion},
          {"model", arguments.model()},
          {"inputs", inputs_json(*model.session, inputs)},
          {"options", options_json(*model.session, options)},
          {"environment", environment_json(arguments.runtime())},
          {"plugins_ns", model.plugins_ns},
          {"load_ns", model.load_ns},
          {"compile_ns", model.compile_ns},
          {"first_run_ns", result.first_run_ns},
          {"latency_ns",
           {{"count", s.count},
            {"min", s.min},
            {"median", s.median},
            {"p90", s.p90},
            {"p99", s.p99},
            {"max", s.max},
            {"mean", s.mean},
            {"std", s.std},
            {"percentiles", percentiles}}},
          {"throughput_per_s", throughput(result)},
          {"drift", s.drift},
          {"memory", memory},
          {"placement", placement_json(*model.session)},
          {"samples_ns", result.samples_ns}};
}

void print_report(const Arguments& arguments, const Model& model, const BenchmarkResult& result,
                  const Json& report) {
  const Statistics s = statistics(result.samples_ns);
  const auto bytes = [](const Json& json) { return bytes_text(json.get<uint64_t>()); };
  const Json& memory = report["memory"];
  const std::string planned =
      memory.contains("error")
          ? memory["error"].get<std::string>()
          : fmt::format("{} of activations ({} unshared), {} of outputs, {} of constants",
                        bytes(memory["arena_bytes"]), bytes(memory["unshared_bytes"]),
                        bytes(memory["output_bytes"]), bytes(memory["constant_bytes"]));
  std::vector<std::vector<std::string>> rows{
      {"plugins", milliseconds(double(model.plugins_ns))},
      {"load", milliseconds(double(model.load_ns))},
      {"compile", milliseconds(double(model.compile_ns))},
      {"first run", milliseconds(double(result.first_run_ns))},
      {"runs", fmt::format("{} in {:.3f} s", s.count, double(result.wall_ns) * 1e-9)},
      {"latency min", milliseconds(s.min)},
      {"latency median", milliseconds(s.median)},
      {"latency p90", milliseconds(s.p90)},
      {"latency p99", milliseconds(s.p99)},
      {"latency mean", fmt::format("{} (std {})", milliseconds(s.mean), milliseconds(s.std))},
  };
  std::vector<uint64_t> sorted = result.samples_ns;
  std::sort(sorted.begin(), sorted.end());
  for (const double p : percentile_options(arguments))
    rows.push_back({fmt::format("latency p{:g}", p), milliseconds(percentile(sorted, p))});
  rows.push_back({"throughput", fmt::format("{:.2f} /s", throughput(result))});
  for (const Json& p : report["phases"])
    for (const char* phase : {"upload", "execute", "download"})
      rows.push_back({fmt::format("{} {}", p["device"].get<std::string>(), phase),
                      milliseconds(p[fmt::format("{}_ns", phase)].get<double>())});
  rows.push_back({"drift", fmt::format("{:+.1f} % (last tenth against first)", s.drift * 100)});
  rows.push_back({"planned memory", planned});
  rows.push_back(
      {"peak memory", fmt::format("{} resident, {} of tensors", bytes(memory["resident_peak_bytes"]),
                                  bytes(memory["runtime_peak_bytes"]))});
  rows.push_back({"placement", placement_text(*model.session)});
  print_table(rows);
}

// Runs beside the measured ones, so that recording does not slow those; as many at once.
size_t profile(Session& session, const std::vector<ValuePtr>& inputs, size_t measured,
               const BenchmarkOptions& measured_options, Trace& trace) {
  BenchmarkOptions options;
  options.warmup_runs = 1;
  options.warmup_ns = 0;
  options.streams = measured_options.streams;
  options.iterations = std::clamp<size_t>(measured / 10, options.streams, 100 + options.streams);
  options.even = true;
  options.trace = &trace;
  benchmark(session, inputs, options);
  return options.iterations;
}

bool uses_queues(Arguments& arguments, const Session& session) {
  return std::ranges::any_of(session.placement(), [&](const Placement& p) {
    return std::ranges::any_of(arguments.runtime().devices(),
                               [&](const auto& d) { return d->name() == p.device && d->has_queue(); });
  });
}

Json phases_json(const std::vector<DevicePhases>& phases) {
  Json json = Json::array();
  for (const DevicePhases& p : phases)
    json.push_back({{"device", p.device},
                    {"upload_ns", p.upload_ns},
                    {"execute_ns", p.execute_ns},
                    {"download_ns", p.download_ns}});
  return json;
}

// From the process' start to its first answer, with a cold and with a warm cache: measured in processes of
// their own, which are this one's with another option.
int first_run(const Arguments& arguments) {
  if (arguments.has("cache-dir")) fail(HRT_ERROR_USAGE, "--first-run and --cache-dir exclude each other");
  std::vector<std::string> words = own_arguments();
  std::ranges::replace(words, std::string("--first-run"), std::string("--first-answer"));
  const FirstRuns runs = measure_first_runs(words);
  if (runs.failure != 0) return runs.failure;
  if (arguments.json()) {
    const auto json = [](const FirstRun& r) {
      return Json{{"total_ns", r.total_ns},
                  {"plugins_ns", r.plugins_ns},
                  {"load_ns", r.load_ns},
                  {"compile_ns", r.compile_ns},
                  {"run_ns", r.run_ns}};
    };
    print_json({{"model", arguments.model()},
                {"cold", json(runs.cold)},
                {"warm", json(runs.warm)},
                {"cache", {{"files", runs.cache_files}, {"bytes", runs.cache_bytes}}}});
    return HRT_OK;
  }
  std::vector<std::vector<std::string>> rows{
      {"cache", "first answer", "plugins", "load", "compile", "first run"}};
  for (const auto& [name, r] : {std::pair("cold", runs.cold), std::pair("warm", runs.warm)})
    rows.push_back({name, milliseconds(double(r.total_ns)), milliseconds(double(r.plugins_ns)),
                    milliseconds(double(r.load_ns)), milliseconds(double(r.compile_ns)),
                    milliseconds(double(r.run_ns))});
  print_table(rows);
  say("kept in the cache: {} in {} files\n", bytes_text(runs.cache_bytes), runs.cache_files);
  return HRT_OK;
}

// What first_run() measures: one run, and when it ended.
int first_answer(const Model& model, const std::vector<ValuePtr>& inputs) {
  const uint64_t begin = now_ns();
  make_request(*model.session, inputs)->run();
  say_text(first_run_text({0, model.plugins_ns, model.load_ns, model.compile_ns, now_ns() - begin}));
  return HRT_OK;
}

// One request a line on standard input: "run N" or "slice SECONDS" (a fifth of it unmeasured, to warm up).
// One JSON document a line back: {"ns": [...]}. "quit" or the end of input ends.
int interact(Session& session, const std::vector<ValuePtr>& inputs) {
  const auto request = make_request(session, inputs);
  request->run();
  const auto timed = [&] {
    const uint64_t begin = now_ns();
    request->run();
    return now_ns() - begin;
  };
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    std::vector<uint64_t> samples;
    if (line.starts_with("run ")) {
      const uint64_t count = parse_whole(line.substr(4), "interactive", 1, 100'000'000);
      while (samples.size() < count) samples.push_back(timed());
    } else if (line.starts_with("slice ")) {
      const uint64_t length = parse_duration(line.substr(6), "interactive");
      const uint64_t begin = now_ns();
      do request->run();
      while (now_ns() - begin < length / 5);
      do samples.push_back(timed());
      while (samples.size() < 3 || now_ns() - begin < length);
    } else {
      fail(HRT_ERROR_USAGE, "\"{}\" is none of run N, slice SECONDS, quit", line);
    }
    say("{}\n", Json{{"ns", samples}}.dump());
    std::fflush(stdout);
  }
  return HRT_OK;
}

int bench(Arguments& arguments) {
  BenchmarkOptions options = benchmark_options(arguments);
  if (arguments.flag("first-run")) return first_run(arguments);
  percentile_options(arguments);  // a mistake in them should not wait for the measurement
  Profiler profiler(arguments);
  const Model model = open_model(arguments, arguments.session_options());
  Session& session = *model.session;
  const auto inputs = make_inputs(arguments.runtime(), session.inputs(), input_options(arguments));
  if (arguments.flag("first-answer"))
    return with_context(arguments.model(), [&] { return first_answer(model, inputs); });
  if (arguments.flag("interactive"))
    return with_context(arguments.model(), [&] { return interact(session, inputs); });

  Progress progress("bench");
  options.progress = [&](double fraction) { progress.update(fraction); };
  std::vector<DevicePhases> phases;
  const BenchmarkResult result = with_context(arguments.model(), [&] {
    BenchmarkResult measured = benchmark(session, inputs, options);
    const size_t count = measured.samples_ns.size();
    if (profiler.wanted()) profile(session, inputs, count, options, *profiler.trace());
    if (uses_queues(arguments, session)) {
      Trace trace;
      const size_t runs = profile(session, inputs, count, options, trace);
      phases = device_phases(trace.events(), runs);
    }
    return measured;
  });
  progress.hide();

  Json report = report_json(arguments, model, inputs, options, result);
  report["phases"] = phases_json(phases);
  if (arguments.has("report")) write_text(arguments.get<std::string>("report"), json_text(report));
  if (arguments.json()) {
    profiler.finish(&report);
    print_json(report);
  } else {
    print_report(arguments, model, result, report);
    profiler.finish(nullptr);
  }
  return HRT_OK;
}

void options(po::options_description& description) {
  const auto text = [] { return po::value<std::string>(); };
  auto add = description.add_options();
  add("warmup", text()->value_name("N|Nms"), "runs, or time, before measuring (3 runs and 200 ms)");
  add("iters", text()->value_name("N"), "so many runs");
  add("duration", text()->value_name("S"), "runs for so many seconds (2)");
  add("streams", text()->value_name("N"), "requests in flight at once (1)");
  add("rate", text()->value_name("R"), "R runs due a second, whether or not a stream is free");
  add("percentile", text()->value_name("P,..."), "more of them: 95,99.9");
  add("report", text()->value_name("FILE"), "everything, with raw samples, as JSON");
  add("first-run", po::bool_switch(),
      "instead: from the start of a process to its first answer, with a cold and a warm cache");
  add("first-answer", po::bool_switch(), "one run, and when it ended: what --first-run starts");
  add("interactive", po::bool_switch(), "timed runs on request, for tools that compare engines");
  add_input_options(description);
}

}  // namespace

const Command kBench = {
    "bench",
    "MODEL",
    1,
    1,
    "measures latency, throughput and memory",
    "Times are of whole runs, inputs set beforehand. With --rate, latency counts from when a run was due, "
    "so\n"
    "that waiting for a free stream is part of it. Drift is how much slower the last tenth of the runs was\n"
    "than the first. --profile and --trace record a tenth as many runs more, which are not measured, as "
    "many\n"
    "at once as --streams says. For devices with queues, upload, execute and download are the times of "
    "their\n"
    "submissions, per run.\n"
    "--interactive reads \"run N\" or \"slice SECONDS\" line by line and answers each with {\"ns\": [...]};\n"
    "\"quit\" ends it. Inputs are those of hrt-run run.\n\n"
    "  hrt-run bench model.onnx --threads 2\n"
    "  hrt-run bench model.onnx --streams 4 --duration 10 --percentile 95,99.9 --report report.json\n"
    "  hrt-run bench model.onnx --first-run\n"
    "  hrt-run bench model.onnx --rate 100 --streams 2\n",
    true,
    options,
    bench,
};

}  // namespace hrt
