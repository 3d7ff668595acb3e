// SPDX-License-Identifier: Apache-2.0
// Element-wise operators of ai.onnx.ml: Scaler, Normalizer, Imputer.
// https://onnx.ai/onnx/operators/onnx_aionnxml_Scaler.html and the like
#include "ml.h"

namespace hrt::ops {
namespace {

void infer_float(const Infer& c) {
  const auto dims = c.dims(0);
  c.output(0, dims ? TensorType(HRT_FLOAT32, *dims) : TensorType(HRT_FLOAT32));
}

// One entry for all columns, or one each.
float of_column(const std::vector<float>& list, int64_t column) {
  return list[list.size() == 1 ? 0 : size_t(column)];
}

void scaler(const Kernel& c) {
  const Tensor x = c.input(0);
  require(x.rank() > 0, "X must have rank 1 at least");
  const int64_t columns = x.dims().back();
  const auto offset = c.node().floats("offset", {0}), scale = c.node().floats("scale", {1});
  for (const auto* list : {&offset, &scale})
    require(list->size() == 1 || int64_t(list->size()) == columns, "offset and scale must have 1 or ",
            columns, " entries");
  const Tensor y = c.output(0, HRT_FLOAT32, x.dims());
  const Reader read(x);
  for (int64_t i = 0; i < x.size(); ++i) {
    const int64_t column = i % columns;
    y.data<float>()[i] = float((read(i) - of_column(offset, column)) * of_column(scale, column));
  }
}

void normalizer(const Kernel& c) {
  const Tensor x = c.input(0);
  const Rows shape(x);
  const std::string norm = c.node().s("norm", "MAX");
  require(norm == "MAX" || norm == "L1" || norm == "L2", "there is no norm ", norm);
  const Tensor y = c.output(0, HRT_FLOAT32, x.dims());
  const Reader read(x);
  for (int64_t r = 0; r < shape.rows; ++r) {
    double divisor = 0;
    for (int64_t k = 0; k < shape.columns; ++k) {
      const double v = std::fabs(read(r * shape.columns + k));
      divisor = norm == "MAX" ? std::max(divisor, v) : divisor + (norm == "L1" ? v : v * v);
    }
    if (norm == "L2") divisor = std::sqrt(divisor);
    if (divisor == 0) divisor = 1;
    for (int64_t i = r * shape.columns; i < (r + 1) * shape.columns; ++i)
      y.data<float>()[i] = float(read(i) / divisor);
  }
}

void imputer(const Kernel& c) {
  const Tensor x = c.input(0);
  const Rows shape(x);
  const Node& node = c.node();
  const bool floats = dtype_is_float(x.dtype());
  std::vector<double> imputed;
  for (float v : node.floats("imputed_value_floats"))
    if (floats) imputed.push_back(v);
  for (int64_t v : node.ints("imputed_value_int64s"))
    if (!floats) imputed.push_back(double(v));
  require(imputed.size() == 1 || int64_t(imputed.size()) == shape.columns, "the imputed values are ",
          imputed.size(), " for ", shape.columns, " columns");
  const double replaced = floats ? node.f("replaced_value_float") : double(node.i("replaced_value_int64"));
  const Tensor y = c.output(0, x.dtype(), x.dims());
  const Reader read(x);
  const Writer write(y);
  const Mover keep(y, x);
  for (int64_t i = 0; i < x.size(); ++i) {
    const double v = read(i);
    if (v == replaced || (std::isnan(v) && std::isnan(replaced)))
      write(i, imputed[imputed.size() == 1 ? 0 : size_t(i % shape.columns)]);
    else
      keep(i, i);
  }
}

Op element_wise(const char* name, const char* doc, bool to_float) {
  return {
      .domain = "ai.onnx.ml",
      .name = name,
      .since = 1,
      .doc = doc,
      .inputs = {{"X", "T"}},
      .outputs = {{"Y", to_float ? "float32" : "T"}},
      .types = {{"T", kMlNumbers}},
      .infer = to_float ? infer_float : infer_same,
  };
}

Op with(Op op, std::vector<AttrSpec> attrs, void (*compute)(const Kernel&)) {
  op.attrs = std::move(attrs);
  op.compute = compute;
  return op;
}

const Register scaler_op(with(element_wise("Scaler", "(x - offset) * scale, by column", true),
                              {{"offset", HRT_ATTR_FLOATS}, {"scale", HRT_ATTR_FLOATS}}, scaler));
const Register normalizer_op(with(element_wise("Normalizer", "rows divided by their norm", true),
                                  {{"norm", HRT_ATTR_STRING, "MAX"}}, normalizer));
const Register imputer_op(with(element_wise("Imputer", "one value replaced, by column", false),
                               {{"imputed_value_floats", HRT_ATTR_FLOATS},
                                {"imputed_value_int64s", HRT_ATTR_INTS},
                                {"replaced_value_float", HRT_ATTR_FLOAT, "0"},
                                {"replaced_value_int64", HRT_ATTR_INT, "0"}},
                               imputer));

}  // namespace
}  // namespace hrt::ops
