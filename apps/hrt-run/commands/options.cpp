// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/commands/options.h"

namespace hrt {

void add_input_options(po::options_description& description) {
  const auto texts = [] { return po::value<std::vector<std::string>>()->composing(); };
  const auto text = [] { return po::value<std::string>(); };
  auto add = description.add_options();
  add("input,i", texts()->value_name("NAME=SOURCE"), "@FILE, random:SEED, zeros; may be repeated");
  add("shape", texts()->value_name("NAME:1x3x224x224"), "the shape of an input; may be repeated");
  add("data-dir", text()->value_name("DIR"), "inputs from input_0.pb, input_1.pb, ... in DIR");
  add("mean", text()->value_name("M[,M,M]"), "pictures: subtracted from each pixel, per channel (0)");
  add("std", text()->value_name("S[,S,S]"), "pictures: what the difference is divided by (1)");
  add("layout", text()->value_name("NCHW|NHWC"), "pictures: order of dimensions (by the input's shape)");
  add("color", text()->value_name("RGB|BGR|GRAY"), "pictures: channels (RGB; GRAY for an input with one)");
  add("resize", po::bool_switch(), "pictures: to the size of the input, bilinear");
}

InputOptions input_options(const Arguments& arguments) {
  InputOptions options;
  options.sources = arguments.all("input");
  options.shapes = arguments.all("shape");
  options.data_dir = arguments.get<std::string>("data-dir", "");
  PictureOptions& pictures = options.pictures;
  if (arguments.has("mean")) pictures.mean = parse_numbers(arguments.get<std::string>("mean"), "mean");
  if (arguments.has("std")) pictures.std = parse_numbers(arguments.get<std::string>("std"), "std");
  if (arguments.has("layout")) pictures.layout = parse_layout(arguments.get<std::string>("layout"));
  if (arguments.has("color")) pictures.color = parse_color(arguments.get<std::string>("color"));
  pictures.resize = arguments.flag("resize");
  return options;
}

void add_tolerance_options(po::options_description& description, const Tolerance& defaults) {
  auto add = description.add_options();
  add("rtol", po::value<std::string>()->value_name("R"),
      fmt::format("equal means |a - b| <= ATOL + RTOL * |b| ({:g})", defaults.rtol).c_str());
  add("atol", po::value<std::string>()->value_name("A"), fmt::format("({:g})", defaults.atol).c_str());
}

Tolerance tolerance_options(const Arguments& arguments, const Tolerance& defaults) {
  Tolerance tolerance = defaults;
  if (arguments.has("rtol")) tolerance.rtol = parse_number(arguments.get<std::string>("rtol"), "rtol");
  if (arguments.has("atol")) tolerance.atol = parse_number(arguments.get<std::string>("atol"), "atol");
  if (tolerance.rtol < 0 || tolerance.atol < 0) fail(HRT_ERROR_USAGE, "a tolerance is negative");
  return tolerance;
}

}  // namespace hrt
