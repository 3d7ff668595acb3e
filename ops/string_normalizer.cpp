// SPDX-License-Identifier: Apache-2.0
// StringNormalizer: drops stop words and changes case (by Unicode's simple mapping, in every locale).
// https://onnx.ai/onnx/operators/onnx__StringNormalizer.html
#include <set>

#include "dims.h"
#include "utf8.h"

namespace hrt::ops {
namespace {

std::string mapped(std::string_view s, char32_t (*map)(char32_t)) {
  std::string out;
  while (!s.empty()) append_code_point(out, map(take_code_point(s)));
  return out;
}

void infer(const Infer& c) {
  auto dims = c.dims(0);
  if (!dims || dims->empty()) return c.output(0, TensorType(HRT_STRING));
  dims->back() = HRT_DIM_UNKNOWN;
  c.output(0, TensorType(HRT_STRING, *dims));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  require(x.rank() == 1 || (x.rank() == 2 && x.dim(0) == 1), "the input must have shape C or 1xC, has ",
          x.dims());
  const Node& node = c.node();
  const std::string action = node.s("case_change_action", "NONE");
  require(action == "LOWER" || action == "UPPER" || action == "NONE", "there is no case_change_action ",
          action);
  const bool exact = node.i("is_case_sensitive") != 0;
  auto key = [&](std::string_view s) { return exact ? std::string(s) : mapped(s, to_lower); };
  std::set<std::string> stop_words;
  for (const std::string& w : node.strings("stopwords")) stop_words.insert(key(w));

  std::vector<std::string> kept;
  for (int64_t i = 0; i < x.size(); ++i) {
    const std::string_view s = x.string(i);
    if (stop_words.contains(key(s))) continue;
    kept.push_back(action == "NONE" ? std::string(s) : mapped(s, action == "LOWER" ? to_lower : to_upper));
  }
  if (kept.empty()) kept.emplace_back();
  Dims dims(x.dims().begin(), x.dims().end());
  dims.back() = int64_t(kept.size());
  const Tensor y = c.output(0, HRT_STRING, dims);
  for (size_t i = 0; i < kept.size(); ++i) y.set_string(int64_t(i), kept[i]);
}

const Register string_normalizer(Op{
    .name = "StringNormalizer",
    .since = 10,
    .doc = "drops stop words and changes case",
    .inputs = {{"X", "string"}},
    .outputs = {{"Y", "string"}},
    .attrs = {{"case_change_action", HRT_ATTR_STRING, "NONE"},
              {"is_case_sensitive", HRT_ATTR_INT, "0"},
              {"locale", HRT_ATTR_STRING},
              {"stopwords", HRT_ATTR_STRINGS}},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
