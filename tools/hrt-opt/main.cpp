// SPDX-License-Identifier: Apache-2.0
// hrt-opt: model to model. Imports, optimises, and writes an .hrt file.
#include <boost/program_options.hpp>
#include <cstdio>
#include <iostream>

#include "core/base/error.h"
#include "core/execute/runtime.h"
#include "core/format/hrt_file.h"
#include "core/pass/pipeline.h"
#include "core/profile/trace.h"

namespace {

namespace po = boost::program_options;
using namespace hrt;

struct Options {
  std::string model, output, level;
  std::vector<std::string> passes, plugin_path;
  bool rewrites = false;
};

// Returns false when help was asked for.
bool parse(int argc, char** argv, Options& o) {
  po::options_description shown("hrt-opt MODEL -o FILE.hrt");
  shown.add_options()("help,h", "this text")("output,o", po::value(&o.output)->required(),
                                             "the .hrt file to write")(
      "optimise,O", po::value(&o.level)->default_value("safe"),
      "none: as imported; safe: what every device can run (folding, dead code, ...); all: fused operators "
      "too")("pass,p", po::value(&o.passes), "run only these passes, in this order (repeatable)")(
      "plugin-path", po::value(&o.plugin_path),
      "a directory to look for plugins in, before the others (repeatable)")(
      "rewrites", po::bool_switch(&o.rewrites), "print every rewrite");
  po::options_description all(shown);
  all.add_options()("model", po::value(&o.model)->required());
  po::positional_options_description positional;
  positional.add("model", 1);
  po::variables_map vm;
  po::store(po::command_line_parser(argc, argv).options(all).positional(positional).run(), vm);
  if (vm.contains("help")) {
    std::cout << shown;
    return false;
  }
  po::notify(vm);
  if (o.level != "none" && o.level != "safe" && o.level != "all")
    fail(HRT_ERROR_USAGE, "-O takes none, safe or all, not \"{}\"", o.level);
  return true;
}

size_t constant_bytes(const Graph& g) {
  size_t bytes = 0;
  for (ValueId v = 0; v < g.value_limit(); ++v)
    if (g.has_value(v) && g.value(v).constant) bytes += g.value(v).constant->bytes();
  return bytes;
}

void run(const Options& o) {
  RuntimeOptions options;
  options.plugin_directories.assign(o.plugin_path.begin(), o.plugin_path.end());
  for (auto& directory : default_plugin_directories())
    options.plugin_directories.push_back(std::move(directory));
  Runtime runtime(std::move(options));
  const uint64_t start = now_ns();
  const auto graph = runtime.load_model(o.model);
  const uint64_t loaded = now_ns();
  const size_t before = graph->nodes().size();
  if (o.level != "none") {
    PipelineOptions pipeline;
    pipeline.fuse = o.level == "all";
    pipeline.passes = o.passes;
    const auto rewrites = run_passes(runtime.registry(), *graph, pipeline);
    if (o.rewrites)
      for (const std::string& line : rewrites) std::cout << line << "\n";
  }
  write_hrt_file(*graph, o.output);
  fmt::print("{}: {} nodes, were {}; {:.2f} MB of constants; loaded in {:.1f} ms, done in {:.1f} ms\n",
             o.output, graph->nodes().size(), before, double(constant_bytes(*graph)) / 1e6,
             double(loaded - start) / 1e6, double(now_ns() - start) / 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Options options;
    if (parse(argc, argv, options)) run(options);
    return HRT_OK;
  } catch (const Error& e) {
    fmt::print(stderr, "hrt-opt: {}\n", e.message());
    return e.code();
  } catch (const po::error& e) {
    fmt::print(stderr, "hrt-opt: {}\n", e.what());
    return HRT_ERROR_USAGE;
  } catch (const std::exception& e) {
    fmt::print(stderr, "hrt-opt: {}\n", e.what());
    return HRT_ERROR_INTERNAL;
  }
}
