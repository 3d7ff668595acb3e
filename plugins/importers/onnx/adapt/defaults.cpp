// SPDX-License-Identifier: Apache-2.0
// Defaults, names and numbers of attributes that changed.
#include "adapt.hpp"

namespace hrt::importer {

using namespace sdk;

void concat_axis(Rewrite& r) {
  if (!r.node.has("axis")) r.node.set(attribute("axis", int64_t(1)));
}

// The sequence is computed when its output is wanted; no attribute needs to say so.
void output_sequence(Rewrite& r) { r.node.drop("output_sequence"); }

// Sampling had no half-pixel shift of the region.
void roi_align_offset(Rewrite& r) {
  r.node.set(attribute("coordinate_transformation_mode", std::string("output_half_pixel")));
}

void grid_sample_modes(Rewrite& r) {
  const std::string mode = r.node.take_string("mode").value_or("bilinear");
  r.node.set(attribute("mode", std::string(mode == "bilinear"  ? "linear"
                                           : mode == "bicubic" ? "cubic"
                                                               : mode)));
}

// p of LpPool was a float.
void norm_order(Rewrite& r) {
  const float p = r.node.take_float("p").value_or(2);
  if (!(p >= 1 && p <= 64) || p != float(int64_t(p))) unsupported("a norm of order ", p, " is not supported");
  r.node.set(attribute("p", int64_t(p)));
}

void scatter(Rewrite& r) { r.node.op = "ScatterElements"; }

}  // namespace hrt::importer
