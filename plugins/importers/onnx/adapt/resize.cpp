// SPDX-License-Identifier: Apache-2.0
// Upsample (opsets 1 to 9) and Resize before its coordinates could be chosen (opset 11).
#include "adapt.hpp"

#include <algorithm>

namespace hrt::importer {

using namespace sdk;

namespace {

// What Upsample and Resize-10 did: pixel i of the output lies at i / scale of the input.
std::vector<Attribute> asymmetric(const std::string& mode, const char* nearest) {
  return {attribute("mode", mode), attribute("coordinate_transformation_mode", std::string("asymmetric")),
          attribute("nearest_mode", std::string(nearest))};
}

std::string take_mode(Rewrite& r) {
  const std::string mode = r.node.take_string("mode").value_or("nearest");
  return mode == "bilinear" ? "linear" : mode;
}

}  // namespace

void upsample_1(Rewrite& r) {
  if (r.node.has("scales")) return;  // some exporters were early
  const auto height = r.node.take_float("height_scale");
  const auto width = r.node.take_float("width_scale");
  require(height && width, "attribute 'height_scale' or 'width_scale' is missing");
  r.node.set(attribute("scales", std::vector<float>{1, 1, *height, *width}));
}

void upsample_7(Rewrite& r) {
  const auto scales = r.node.take_floats("scales");
  require(scales.has_value(), "attribute 'scales' is missing");
  r.node.set_input(1, r.floats(*scales));
}

void upsample_9(Rewrite& r) {
  const std::string mode = take_mode(r);
  r.node.op = "Resize";
  r.node.attributes = asymmetric(mode, "floor");
  r.node.inputs = {r.node.input(0), "", r.node.input(1)};
  r.node.version = kOpset;
}

// The nearest pixel was the lower one when enlarging, the upper one when shrinking.
void resize_10(Rewrite& r) {
  const std::string mode = take_mode(r);
  std::string data = r.node.input(0), scales = r.node.input(1);
  bool enlarges = true, shrinks = mode == "nearest";
  if (const auto known = r.fact(scales).constant; known && known->dtype() == HRT_FLOAT32) {
    const auto all = known->span<const float>();
    enlarges = std::ranges::any_of(all, [](float s) { return s > 1; });
    shrinks = shrinks && std::ranges::any_of(all, [](float s) { return s < 1; });
  }
  if (shrinks && enlarges) {
    const std::string one = r.floats({1});
    data = r.emit("Resize", {data, "", r.emit("Max", {scales, one})}, asymmetric(mode, "floor"));
    scales = r.emit("Min", {scales, one});
  }
  r.node.attributes = asymmetric(mode, shrinks ? "ceil" : "floor");
  r.node.inputs = {data, "", scales};
}

// Inputs that are not used had to be there as empty tensors, and exporters kept to that for long after.
// Opset 11 had a coordinate mode that was dropped: with nearest_mode floor, the only one it was used
// with, it is half_pixel rounded up.
void resize_optional_inputs(Rewrite& r) {
  const auto* mode = r.node.find("coordinate_transformation_mode");
  if (!mode || mode->s() != "tf_crop_and_resize") r.node.set_input(1, "");
  if (r.node.has_input(3)) r.node.set_input(2, "");
  if (!mode || mode->s() != "tf_half_pixel_for_nn") return;
  const auto* rounding = r.node.find("nearest_mode");
  if (!rounding || rounding->s() != "floor") unsupported("tf_half_pixel_for_nn without nearest_mode floor");
  r.node.set(attribute("coordinate_transformation_mode", std::string("half_pixel")));
  r.node.set(attribute("nearest_mode", std::string("round_prefer_ceil")));
}

}  // namespace hrt::importer
