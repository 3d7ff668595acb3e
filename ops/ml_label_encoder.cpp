// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml.LabelEncoder: maps each element through a table of keys and values, the last of equal keys
// counting. https://onnx.ai/onnx/operators/onnx_aionnxml_LabelEncoder.html
#include <unordered_map>

#include "op.h"

namespace hrt::ops {
namespace {

using Types = TypeList<float, double, int64_t, int32_t, int16_t>;
constexpr uint64_t kTypes = bits(HRT_FLOAT32, HRT_FLOAT64, HRT_INT64, HRT_INT32, HRT_INT16, HRT_STRING);

// Which attribute of a family ("keys_", "values_") is there: its element type.
hrt_dtype dtype_of_family(const Node& node, const std::string& family) {
  if (const auto t = node.tensor((family + "tensor").c_str())) return t->dtype();
  if (node.has((family + "strings").c_str())) return HRT_STRING;
  if (node.has((family + "int64s").c_str())) return HRT_INT64;
  require(node.has((family + "floats").c_str()), "there is no ", family, " attribute");
  return HRT_FLOAT32;
}

void infer(const Infer& c) {
  const hrt_dtype dtype = dtype_of_family(c.node(), "values_");
  const auto x = c.dims(0);
  c.output(0, x ? TensorType(dtype, *x) : TensorType(dtype));
}

// An element as bytes that are equal exactly for equal elements; all NaNs count as equal, and so do both
// zeros.
template <class T>
std::string key_of(T v) {
  if (v != v) return "";
  if (v == 0) v = 0;
  return std::string(reinterpret_cast<const char*>(&v), sizeof v);
}
std::string key_of(const Tensor& t, int64_t i) {
  if (t.dtype() == HRT_STRING) return std::string(t.string(i));
  std::string key;
  dispatch(Types{}, t.dtype(), [&]<class T>() { key = key_of(t.data<T>()[i]); });
  return key;
}

std::vector<std::string> keys(const Node& node) {
  std::vector<std::string> out;
  if (const auto t = node.tensor("keys_tensor"))
    for (int64_t i = 0; i < t->size(); ++i) out.push_back(key_of(*t, i));
  else if (node.has("keys_strings"))
    out = node.strings("keys_strings");
  else if (node.has("keys_int64s"))
    for (int64_t v : node.ints("keys_int64s")) out.push_back(key_of(v));
  else
    for (float v : node.floats("keys_floats")) out.push_back(key_of(v));
  return out;
}

void map_strings(const Kernel& c, const Tensor& y, const std::vector<size_t>& rows) {
  const auto values = c.node().tensor("values_tensor"), otherwise = c.node().tensor("default_tensor");
  const auto list = values ? std::vector<std::string>() : c.node().strings("values_strings");
  const size_t count = values ? size_t(values->size()) : list.size();
  require(!otherwise || (otherwise->dtype() == HRT_STRING && otherwise->size() == 1),
          "default_tensor is not one string");
  const std::string missing =
      otherwise ? std::string(otherwise->string(0)) : c.node().s("default_string", "_Unused");
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] >= count)
      y.set_string(int64_t(i), missing);
    else
      y.set_string(int64_t(i), values ? values->string(int64_t(rows[i])) : std::string_view(list[rows[i]]));
  }
}

void map_numbers(const Kernel& c, const Tensor& y, const std::vector<size_t>& rows) {
  const Node& node = c.node();
  dispatch(Types{}, y.dtype(), [&]<class T>() {
    std::vector<T> values;
    T missing = std::is_integral_v<T> ? T(-1) : T(-0.0);
    if (const auto t = node.tensor("values_tensor")) {
      values.assign(t->data<T>(), t->data<T>() + t->size());
      if (const auto d = node.tensor("default_tensor")) {
        require(d->dtype() == y.dtype() && d->size() == 1, "default_tensor is not one ",
                dtype_name(y.dtype()));
        missing = *d->data<T>();
      }
    } else if (std::is_integral_v<T>) {
      for (int64_t v : node.ints("values_int64s")) values.push_back(T(v));
      missing = T(node.i("default_int64", -1));
    } else {
      for (float v : node.floats("values_floats")) values.push_back(T(v));
      missing = T(node.f("default_float", -0.0f));
    }
    for (size_t i = 0; i < rows.size(); ++i)
      y.data<T>()[i] = rows[i] < values.size() ? values[rows[i]] : missing;
  });
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  require(x.dtype() == dtype_of_family(c.node(), "keys_"), "x has another type than the keys");
  const std::vector<std::string> all = keys(c.node());
  std::unordered_map<std::string, size_t> table;
  for (size_t row = 0; row < all.size(); ++row) table[all[row]] = row;
  std::vector<size_t> rows;
  for (int64_t i = 0; i < x.size(); ++i) {
    const auto it = table.find(key_of(x, i));
    rows.push_back(it == table.end() ? SIZE_MAX : it->second);
  }
  const Tensor y = c.output(0, dtype_of_family(c.node(), "values_"), x.dims());
  if (y.dtype() == HRT_STRING) return map_strings(c, y, rows);
  map_numbers(c, y, rows);
}

const Register label_encoder(Op{
    .domain = "ai.onnx.ml",
    .name = "LabelEncoder",
    .since = 4,
    .doc = "maps elements through a table",
    .inputs = {{"X", "T1"}},
    .outputs = {{"Y", "T2"}},
    .attrs = {{"default_float", HRT_ATTR_FLOAT, "-0"},
              {"default_int64", HRT_ATTR_INT, "-1"},
              {"default_string", HRT_ATTR_STRING, "_Unused"},
              {"default_tensor", HRT_ATTR_TENSOR},
              {"keys_floats", HRT_ATTR_FLOATS},
              {"keys_int64s", HRT_ATTR_INTS},
              {"keys_strings", HRT_ATTR_STRINGS},
              {"keys_tensor", HRT_ATTR_TENSOR},
              {"values_floats", HRT_ATTR_FLOATS},
              {"values_int64s", HRT_ATTR_INTS},
              {"values_strings", HRT_ATTR_STRINGS},
              {"values_tensor", HRT_ATTR_TENSOR}},
    .types = {{"T1", kTypes}, {"T2", kTypes}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
