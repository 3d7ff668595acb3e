// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml.CategoryMapper: strings to integers, or the way back, by a table of both.
// https://onnx.ai/onnx/operators/onnx_aionnxml_CategoryMapper.html
#include <unordered_map>

#include "op.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  if (c.dtype(0) == HRT_UNDEFINED) return;
  const hrt_dtype dtype = c.dtype(0) == HRT_STRING ? HRT_INT64 : HRT_STRING;
  const auto x = c.dims(0);
  c.output(0, x ? TensorType(dtype, *x) : TensorType(dtype));
}

void compute(const Kernel& c) {
  const Node& node = c.node();
  const Tensor x = c.input(0);
  const Dims ints = node.ints("cats_int64s");
  const auto strings = node.strings("cats_strings");
  require(ints.size() == strings.size(), "there are ", ints.size(), " cats_int64s and ", strings.size(),
          " cats_strings");
  if (x.dtype() == HRT_STRING) {
    std::unordered_map<std::string_view, int64_t> table;
    for (size_t i = 0; i < ints.size(); ++i) table.emplace(strings[i], ints[i]);
    const Tensor y = c.output(0, HRT_INT64, x.dims());
    for (int64_t i = 0; i < x.size(); ++i) {
      const auto it = table.find(x.string(i));
      y.data<int64_t>()[i] = it == table.end() ? node.i("default_int64", -1) : it->second;
    }
  } else {
    std::unordered_map<int64_t, std::string_view> table;
    for (size_t i = 0; i < ints.size(); ++i) table.emplace(ints[i], strings[i]);
    const std::string otherwise = node.s("default_string", "_Unused");
    const Tensor y = c.output(0, HRT_STRING, x.dims());
    for (int64_t i = 0; i < x.size(); ++i) {
      const auto it = table.find(x.data<int64_t>()[i]);
      y.set_string(i, it == table.end() ? otherwise : it->second);
    }
  }
}

constexpr uint64_t kTypes = bits(HRT_STRING, HRT_INT64);

const Register category_mapper(Op{
    .domain = "ai.onnx.ml",
    .name = "CategoryMapper",
    .since = 1,
    .doc = "strings to integers, or integers to strings, by a table",
    .inputs = {{"X", "T1"}},
    .outputs = {{"Y", "T2"}},
    .attrs = {{"cats_int64s", HRT_ATTR_INTS},
              {"cats_strings", HRT_ATTR_STRINGS},
              {"default_int64", HRT_ATTR_INT, "-1"},
              {"default_string", HRT_ATTR_STRING, "_Unused"}},
    .types = {{"T1", kTypes}, {"T2", kTypes}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
