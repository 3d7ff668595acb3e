// SPDX-License-Identifier: Apache-2.0
// Dropout before opset 12 has no input that says whether it trains: here it never does. It passes its
// input on, and the ratio does not matter.
#include "adapt.hpp"

namespace hrt::importer {

using namespace sdk;

// The mask had the type of the data before it became bool.
void dropout_mask(Rewrite& r) {
  r.node.drop("consumed_inputs");
  r.node.drop("is_test");
  if (r.node.has_output(1)) r.send_through(1, "CastLike", {r.node.input(0)});
}

void dropout_mode(Rewrite& r) { r.node.drop("ratio"); }

}  // namespace hrt::importer
