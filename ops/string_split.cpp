// SPDX-License-Identifier: Apache-2.0
// StringSplit: the parts of every string, and how many they are.
// https://onnx.ai/onnx/operators/onnx__StringSplit.html
#include "dims.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  auto dims = c.dims(0);
  c.output(1, dims ? TensorType(HRT_INT64, *dims) : TensorType(HRT_INT64));
  if (!dims) return c.output(0, TensorType(HRT_STRING));
  dims->push_back(HRT_DIM_UNKNOWN);
  c.output(0, TensorType(HRT_STRING, *dims));
}

constexpr std::string_view kBlank = " \t\n\v\f\r";

// An empty delimiter: runs of blanks separate, those at the ends go.
std::vector<std::string_view> split(std::string_view s, std::string_view delimiter, int64_t most) {
  std::vector<std::string_view> parts;
  const bool blanks = delimiter.empty();
  auto skip_blanks = [&] { s.remove_prefix(std::min(s.find_first_not_of(kBlank), s.size())); };
  if (blanks) {
    skip_blanks();
    if (s.empty()) return parts;
  }
  while (int64_t(parts.size()) < most) {
    const size_t end = blanks ? s.find_first_of(kBlank) : s.find(delimiter);
    if (end == std::string_view::npos) break;
    parts.push_back(s.substr(0, end));
    s.remove_prefix(end + (blanks ? 1 : delimiter.size()));
    if (!blanks) continue;
    skip_blanks();
    if (s.empty()) return parts;
  }
  if (blanks) s = s.substr(0, s.find_last_not_of(kBlank) + 1);
  parts.push_back(s);
  return parts;
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const std::string delimiter = c.node().s("delimiter");
  const int64_t most = c.node().i("maxsplit", INT64_MAX);
  require(most >= 0, "maxsplit is ", most);
  std::vector<std::vector<std::string_view>> parts;
  size_t longest = 0;
  for (int64_t i = 0; i < x.size(); ++i) {
    parts.push_back(split(x.string(i), delimiter, most));
    longest = std::max(longest, parts.back().size());
  }
  Dims dims(x.dims().begin(), x.dims().end());
  dims.push_back(int64_t(longest));
  if (c.wanted(0)) {
    const Tensor y = c.output(0, HRT_STRING, dims);
    for (size_t i = 0; i < parts.size(); ++i)
      for (size_t k = 0; k < longest; ++k)
        y.set_string(int64_t(i * longest + k), k < parts[i].size() ? parts[i][k] : std::string_view());
  }
  if (!c.wanted(1)) return;
  const Tensor z = c.output(1, HRT_INT64, x.dims());
  for (size_t i = 0; i < parts.size(); ++i) z.data<int64_t>()[i] = int64_t(parts[i].size());
}

const Register string_split(Op{
    .name = "StringSplit",
    .since = 20,
    .doc = "the parts of every string, padded with empty ones, and their number",
    .inputs = {{"X", "T1"}},
    .outputs = {{"Y", "T2"}, {"Z", "T3"}},
    .attrs = {{"delimiter", HRT_ATTR_STRING}, {"maxsplit", HRT_ATTR_INT}},
    .types = {{"T1", kString}, {"T2", kString}, {"T3", bits(HRT_INT64)}},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
