// SPDX-License-Identifier: Apache-2.0
// Softmax, LogSoftmax and Hardmax before opset 13 worked on a matrix, made by flattening the dimensions
// before axis into rows and the rest into columns.
#include "adapt.hpp"

namespace hrt::importer {

using namespace sdk;

void flat_softmax(Rewrite& r) {
  const std::string data = r.node.input(0);
  const int64_t axis = r.node.take_int("axis").value_or(1);
  r.node.set(attribute("axis", int64_t(-1)));
  const auto rank = r.fact(data).rank;
  const bool last = axis == -1 || (rank && axis == *rank - 1);
  if (last) return;
  const std::string shape = r.emit("Shape", {data});
  r.node.set_input(0, r.emit("Flatten", {data}, {attribute("axis", axis)}));
  r.send_through(0, "Reshape", {shape}, {attribute("allowzero", int64_t(1))});
}

}  // namespace hrt::importer
