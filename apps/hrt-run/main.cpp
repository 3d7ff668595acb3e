// SPDX-License-Identifier: Apache-2.0
// hrt-run: runs, measures, checks and looks at models.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <new>
#include <span>
#include <sstream>

#include <boost/program_options/parsers.hpp>

#include "apps/hrt-run/command.h"
#include "apps/hrt-run/lib/environment.h"

namespace hrt {
namespace {

const Command* const kCommands[] = {&kRun,     &kBench,   &kVerify, &kCompare, &kInspect,
                                    &kDevices, &kPlugins, &kPasses, &kOps,     &kConfig};

std::vector<std::string> command_names() {
  std::vector<std::string> names{"help", "version"};
  for (const Command* command : kCommands) names.emplace_back(command->name);
  return names;
}

const Command* find_command(std::string_view name) {
  const auto* found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                   [&](const Command* c) { return c->name == name; });
  return found == std::end(kCommands) ? nullptr : *found;
}

[[noreturn]] void fail_unknown_command(const std::string& word) {
  const std::string near = nearest(word, command_names());
  fail(HRT_ERROR_USAGE, "\"{}\" is neither a command nor a model file{}; see hrt-run help", word,
       near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near));
}

po::options_description options_of(const Command& command) {
  po::options_description own("Options");
  command.options(own);
  po::options_description common("Common options");
  auto add = common.add_options();
  add("device,d", po::value<std::string>()->value_name("DEVICE"),
      "A; A,B (in order of preference); auto (all there are, cheapest first); hetero:A,B (split by cost)");
  add("policy", po::value<std::string>()->value_name("POLICY"),
      "what auto and hetero: save: latency, throughput, energy, memory");
  add("fallback", po::value<std::string>()->value_name("allow|warn|deny"),
      "whether the reference device may run what no other device takes");
  add("threads", po::value<std::string>()->value_name("N"), "0: one per core");
  add("memory-limit", po::value<std::string>()->value_name("BYTES"), "of all tensors: 65536, 512MiB, 4GiB");
  add("cache-dir", po::value<std::string>()->value_name("DIR"),
      "where compiled kernels and tuning are kept; '' for nowhere");
  if (command.runs_models) {
    add("profile", po::value<std::string>()->value_name("table|csv|json[=FILE]"),
        "time by node, on standard output or into FILE");
    add("trace", po::value<std::string>()->value_name("FILE"), "a trace for chrome://tracing or Perfetto");
  }
  add("json", po::bool_switch(), "one JSON document on standard output");
  add("config", po::value<std::string>()->value_name("FILE"), "instead of the first hrt.toml found");
  add("plugin-path", po::value<std::vector<std::string>>()->composing()->value_name("DIR"),
      "where to look for plugins first; may be repeated");
  add("log-level", po::value<std::string>()->value_name("LEVEL"), "debug, info, warn, error");
  add("verbose,v", po::bool_switch(), "--log-level debug");
  add("help,h", po::bool_switch(), "this text");
  own.add(common);
  return own;
}

void print_command_help(const Command& command) {
  std::ostringstream options;
  options << options_of(command);
  fmt::print("hrt-run {} {}[options]\n\n{}\n\n{}\n{}", command.name,
             *command.operands ? fmt::format("{} ", command.operands) : "", command.summary, command.details,
             options.str());
}

void print_help() {
  fmt::print("hrt-run COMMAND ...\nhrt-run MODEL ...             as hrt-run run MODEL\n\n");
  for (const Command* command : kCommands)
    fmt::print("  {:<26} {}\n", fmt::format("{} {}", command->name, command->operands), command->summary);
  fmt::print(
      "  {:<26} this text, or that of a command\n"
      "  {:<26} the version, and how it was built\n\n"
      "A model is an ONNX or .hrt file. hrt-run COMMAND --help has the options of a command.\n\n"
      "Exit codes: 0 ok, 1 usage, 2 bad model or input, 3 unsupported, 4 mismatch, 5 deadline, 6 memory "
      "limit,\n"
      "7 device lost, 8 a bug in HRT or a plugin.\n",
      "help [COMMAND]", "version");
}

int help(std::span<const std::string> words) {
  if (words.empty()) return print_help(), 0;
  const Command* command = find_command(words[0]);
  if (!command) fail_unknown_command(words[0]);
  print_command_help(*command);
  return 0;
}

int version() {
  const Environment e = read_environment();
  fmt::print("hrt-run {} (plugin ABI {}, {} build, {})\n", e.version, HRT_ABI, e.build, e.compiler);
  return 0;
}

// "--placement MODEL": an option whose value may be left out takes it after "=" only.
void detach_optional_values(std::vector<std::string>& words, const po::options_description& description) {
  for (std::string& word : words) {
    if (word == "--") return;
    for (const auto& option : description.options())
      if (word == "--" + option->long_name() && option->semantic()->min_tokens() == 0 &&
          option->semantic()->max_tokens() == 1)
        word += "=text";
  }
}

int execute(const Command& command, std::vector<std::string> words) {
  const po::options_description description = options_of(command);
  detach_optional_values(words, description);
  using Style = po::command_line_style::style_t;
  const po::parsed_options parsed =
      po::command_line_parser(words)
          .options(description)
          .style(Style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing))
          .allow_unregistered()
          .run();
  std::vector<std::string> operands;
  for (const auto& option : parsed.options) {
    if (option.position_key >= 0) {
      operands.insert(operands.end(), option.value.begin(), option.value.end());
    } else if (option.unregistered) {
      std::vector<std::string> names;
      for (const auto& known : description.options()) names.push_back("--" + known->long_name());
      const std::string near = nearest(option.string_key, names);
      fail(HRT_ERROR_USAGE, "{}: unknown option {}{}; see hrt-run {} --help", command.name, option.string_key,
           near.empty() ? "" : fmt::format(", did you mean {}?", near), command.name);
    }
  }
  po::variables_map values;
  po::store(parsed, values);
  po::notify(values);
  if (values["help"].as<bool>()) return print_command_help(command), 0;
  if (operands.size() < command.least_operands || operands.size() > command.most_operands)
    fail(HRT_ERROR_USAGE, "{} takes {}; see hrt-run {} --help", command.name,
         *command.operands ? command.operands : "no operands", command.name);
  Arguments arguments(std::move(values), std::move(operands));
  return command.run(arguments);
}

int dispatch(std::vector<std::string> words) {
  if (words.empty() || words[0] == "help" || words[0] == "--help" || words[0] == "-h")
    return help(std::span(words).subspan(words.empty() ? 0 : 1));
  if (words[0] == "version" || words[0] == "--version") return version();
  if (const Command* command = find_command(words[0])) {
    words.erase(words.begin());
    return execute(*command, words);
  }
  std::error_code ignored;
  const bool is_file =
      words[0].find_first_of("./") != std::string::npos || std::filesystem::exists(words[0], ignored);
  if (!is_file || words[0].starts_with('-')) fail_unknown_command(words[0]);
  return execute(kRun, words);
}

int report(hrt_code code, std::string message) {
  std::replace_if(message.begin(), message.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  std::fprintf(stderr, "hrt-run: %s\n", message.c_str());
  return code;
}

int run(std::vector<std::string> words) {
  try {
    const int code = dispatch(std::move(words));
    if (std::fflush(stdout) != 0) fail(HRT_ERROR_USAGE, "cannot write to standard output");
    return code;
  } catch (const Error& e) {
    return report(e.code(), e.message());
  } catch (const po::error& e) {
    return report(HRT_ERROR_USAGE, e.what());
  } catch (const std::bad_alloc&) {
    return report(HRT_ERROR_MEMORY, "out of memory");
  } catch (const std::filesystem::filesystem_error& e) {
    return report(HRT_ERROR_BAD_DATA, fmt::format("{}: {}", e.path1().string(), e.code().message()));
  } catch (const std::exception& e) {
    return report(HRT_ERROR_INTERNAL, e.what());
  }
}

}  // namespace
}  // namespace hrt

int main(int argc, char** argv) { return hrt::run(std::vector<std::string>(argv + 1, argv + argc)); }
