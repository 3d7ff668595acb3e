// SPDX-License-Identifier: Apache-2.0
#include "adapt.hpp"

#include <numeric>

namespace hrt::importer {

using namespace sdk;

// One list of strings stood for the numbers 0, 1, 2 ...; which way it mapped depended on the input.
void label_encoder(Rewrite& r) {
  const auto classes = r.node.take("classes_strings");
  require(classes != nullptr, "attribute 'classes_strings' is missing");
  std::vector<int64_t> numbers(size_t(classes->strings_size()));
  std::iota(numbers.begin(), numbers.end(), 0);
  const hrt_dtype from = r.fact(r.node.input(0)).dtype;
  if (from == HRT_UNDEFINED) unsupported("the type of its input is not known");
  const bool decodes = from == HRT_INT64;
  r.node.set(attribute(decodes ? "keys_int64s" : "values_int64s", numbers));
  r.node.attributes.push_back({decodes ? "values_strings" : "keys_strings", classes});
  r.node.drop(decodes ? "default_int64" : "default_string");
}

}  // namespace hrt::importer
