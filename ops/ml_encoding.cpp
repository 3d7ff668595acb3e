// SPDX-License-Identifier: Apache-2.0
// OneHotEncoder: one column per category. https://onnx.ai/onnx/operators/onnx_aionnxml_OneHotEncoder.html
// FeatureVectorizer: columns side by side.
// https://onnx.ai/onnx/operators/onnx_aionnxml_FeatureVectorizer.html
#include <map>

#include "dims.h"
#include "ml.h"

namespace hrt::ops {
namespace {

size_t category_count(const Node& node) {
  const size_t ints = node.ints("cats_int64s").size(), strings = node.strings("cats_strings").size();
  require((ints == 0) != (strings == 0), "exactly one of cats_int64s and cats_strings must be set");
  return ints + strings;
}

void infer_one_hot(const Infer& c) {
  auto dims = c.dims(0);
  const int64_t n = int64_t(category_count(c.node()));
  if (dims) dims->push_back(n);
  c.output(0, dims ? TensorType(HRT_FLOAT32, *dims) : TensorType(HRT_FLOAT32));
}

void one_hot_encoder(const Kernel& c) {
  const Tensor x = c.input(0);
  const int64_t n = int64_t(category_count(c.node()));
  std::map<int64_t, int64_t> ints;
  std::map<std::string, int64_t> strings;
  for (int64_t v : c.node().ints("cats_int64s")) ints.emplace(v, int64_t(ints.size()));
  for (const std::string& s : c.node().strings("cats_strings")) strings.emplace(s, int64_t(strings.size()));
  require((x.dtype() == HRT_STRING) == ints.empty(), "the categories do not fit elements of ",
          dtype_name(x.dtype()));
  Dims dims(x.dims().begin(), x.dims().end());
  dims.push_back(n);
  float* y = c.output(0, HRT_FLOAT32, dims).data<float>();
  std::fill_n(y, x.size() * n, 0.0f);
  auto mark = [&](int64_t i, const auto& map, const auto& key) {
    const auto it = map.find(key);
    if (it != map.end()) y[i * n + it->second] = 1;
    require(it != map.end() || c.node().i("zeros", 1) != 0, "element ", i, " is in no category");
  };
  for (int64_t i = 0; i < x.size(); ++i) {
    if (x.dtype() == HRT_STRING)
      mark(i, strings, std::string(x.string(i)));
    else
      mark(i, ints, convert<int64_t>(Reader(x)(i)));
  }
}

Dims widths_of(const Node& node, size_t inputs) {
  const Dims widths = node.ints("inputdimensions");
  require(widths.size() == inputs, "inputdimensions has ", widths.size(), " entries for ", inputs, " inputs");
  for (int64_t w : widths) require(w >= 0 && w < INT32_MAX, "inputdimensions has ", w);
  return widths;
}

void infer_vectorizer(const Infer& c) {
  int64_t columns = 0;
  for (int64_t w : widths_of(c.node(), c.input_count())) columns += w;
  const auto dims = c.dims(0);
  const int64_t rows = !dims ? HRT_DIM_UNKNOWN : dims->size() == 2 ? (*dims)[0] : 1;
  c.output(0, TensorType(HRT_FLOAT32, Dims{rows, columns}));
}

void feature_vectorizer(const Kernel& c) {
  const Dims widths = widths_of(c.node(), c.input_count());
  const int64_t rows = Rows(c.input(0)).rows;
  int64_t columns = 0, begin = 0;
  for (int64_t w : widths) columns += w;
  float* y = c.output(0, HRT_FLOAT32, Dims{rows, columns}).data<float>();
  std::fill_n(y, rows * columns, 0.0f);
  for (uint32_t k = 0; k < widths.size(); begin += widths[k], ++k) {
    const Tensor x = c.input(k);
    const Rows shape(x);
    require(shape.rows == rows, "inputs differ in rows: ", shape.rows, " and ", rows);
    const Reader read(x);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < std::min(widths[k], shape.columns); ++i)
        y[r * columns + begin + i] = float(read(r * shape.columns + i));
  }
}

const Register one_hot_encoder_op(Op{
    .domain = "ai.onnx.ml",
    .name = "OneHotEncoder",
    .since = 1,
    .doc = "one column per category",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "float32"}},
    .attrs = {{"cats_int64s", HRT_ATTR_INTS},
              {"cats_strings", HRT_ATTR_STRINGS},
              {"zeros", HRT_ATTR_INT, "1"}},
    .types = {{"T", kMlNumbers | kString}},
    .infer = infer_one_hot,
    .compute = one_hot_encoder,
});

const Register feature_vectorizer_op(Op{
    .domain = "ai.onnx.ml",
    .name = "FeatureVectorizer",
    .since = 1,
    .doc = "the columns of the inputs, side by side",
    .inputs = {{"X", "T1", HRT_PARAM_VARIADIC}},
    .outputs = {{"Y", "float32"}},
    .attrs = {{"inputdimensions", HRT_ATTR_INTS}},
    .types = {{"T1", kMlNumbers}},
    .infer = infer_vectorizer,
    .compute = feature_vectorizer,
});

}  // namespace
}  // namespace hrt::ops
