// SPDX-License-Identifier: Apache-2.0
#include "adapt.hpp"

namespace hrt::importer {

using namespace sdk;

// A negative index was out of range before it counted from the end: it becomes one that still is.
void one_hot_negative(Rewrite& r) {
  const std::string index = r.emit("Cast", {r.node.input(0)}, {attribute("to", int64_t(HRT_INT64))});
  const std::string negative = r.emit("Less", {index, r.scalar(0)});
  r.node.set_input(0, r.emit("Where", {negative, r.scalar(INT64_MIN), index}));
}

}  // namespace hrt::importer
