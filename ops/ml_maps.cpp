// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml.ZipMap: rows of scores as maps from labels. DictVectorizer, CastMap: maps as tensors.
// https://onnx.ai/onnx/operators/onnx_aionnxml_ZipMap.html and so on.
#include <algorithm>
#include <charconv>
#include <map>

#include <hrt/map.hpp>

#include "ml.h"
#include "types.h"

namespace hrt::ops {
namespace {

Tensor keys_of(const Kernel& c, const Dims& ints, const std::vector<std::string>& strings) {
  const Tensor keys =
      c.make(ints.empty() ? HRT_STRING : HRT_INT64, Dims{int64_t(ints.size() + strings.size())});
  std::copy(ints.begin(), ints.end(), keys.data<int64_t>());
  for (size_t i = 0; i < strings.size(); ++i) keys.set_string(int64_t(i), strings[i]);
  return keys;
}

// ----------------------------------------------------------------------------------------- ZipMap

hrt_type map_type(hrt_dtype key, const hrt_type& value) {
  auto t = sized<hrt_type>();
  t.kind = HRT_KIND_MAP;
  t.dtype = key;
  t.element = &value;
  return t;
}

const TensorType& score_type() {
  static const TensorType scalar(HRT_FLOAT32, Dims{});
  return scalar;
}

void infer_zip(const Infer& c) {
  const Classes classes(c.node(), "classlabels_int64s");
  const hrt_type value = score_type().c(), map = map_type(classes.dtype(), value);
  c.output(0, TypeTree::sequence(TypeTree(map)).c());
}

void zip_map(const Kernel& c) {
  const Tensor x = c.input(0);
  const Rows shape(x);
  const Classes classes(c.node(), "classlabels_int64s");
  require(shape.columns == classes.count(), "X has ", shape.columns, " columns for ", classes.count(),
          " labels");
  const Tensor keys = keys_of(c, classes.ints, classes.strings);
  const hrt_type value = score_type().c();
  std::vector<const hrt_value*> maps;
  for (int64_t r = 0; r < shape.rows; ++r) {
    c.check_cancelled();
    std::vector<const hrt_value*> values;
    for (int64_t k = 0; k < shape.columns; ++k) {
      const Tensor score = c.make(HRT_FLOAT32, Dims{});
      *score.data<float>() = x.data<float>()[r * shape.columns + k];
      values.push_back(score.c().value);
    }
    maps.push_back(make_map(c.c(), keys.c().value, value, values));
  }
  c.output_value(0, c.make_sequence(map_type(classes.dtype(), value), maps));
}

// -------------------------------------------------------------------------- DictVectorizer, CastMap

// Key and value of an input map; throws when it is none, nullptr while nothing is known of it.
const hrt_type* checked_map(const hrt_type* t, uint64_t keys) {
  if (!t || (t->kind == HRT_KIND_TENSOR && t->dtype == HRT_UNDEFINED)) return nullptr;
  require(t->kind == HRT_KIND_MAP && (HRT_DTYPE_BIT(t->dtype) & keys),
          "the input is not a map from these keys");
  return t;
}

// The sole element of a map's value.
Tensor item(const hrt_value* map, size_t i) {
  const Tensor t = Kernel::tensor_of(Kernel::at(map, i));
  require(t.size() == 1, "a value of the map has shape ", t.dims(), ", not scalar");
  return t;
}

struct Vocabulary {
  Dims ints;
  std::vector<std::string> strings;
  explicit Vocabulary(const Node& node)
      : ints(node.ints("int64_vocabulary")), strings(node.strings("string_vocabulary")) {
    require(ints.empty() != strings.empty(),
            "exactly one of int64_vocabulary and string_vocabulary must be set");
  }
  int64_t size() const { return int64_t(ints.size() + strings.size()); }
  uint64_t key() const { return HRT_DTYPE_BIT(ints.empty() ? HRT_STRING : HRT_INT64); }
};

void infer_vectorizer(const Infer& c) {
  const Vocabulary vocabulary(c.node());
  const hrt_type* map = checked_map(c.type(0), vocabulary.key());
  c.output(0, TensorType(map ? map->element->dtype : HRT_UNDEFINED, Dims{vocabulary.size()}));
}

// Keys that the vocabulary lacks are ignored; what the map lacks is zero.
void vectorize(const Kernel& c) {
  const hrt_value* map = c.value(0);
  const Vocabulary vocabulary(c.node());
  const hrt_type& type = *checked_map(&Kernel::type(map), vocabulary.key());
  const Tensor keys = sdk::keys_of(map), y = c.output(0, type.element->dtype, Dims{vocabulary.size()});
  if (y.dtype() != HRT_STRING) std::memset(y.raw(), 0, y.bytes());
  for (int64_t i = 0; i < keys.size(); ++i) {
    const int64_t at =
        vocabulary.ints.empty()
            ? std::ranges::find(vocabulary.strings, keys.string(i)) - vocabulary.strings.begin()
            : std::ranges::find(vocabulary.ints, keys.data<int64_t>()[i]) - vocabulary.ints.begin();
    if (at < vocabulary.size()) Mover(y, item(map, size_t(i)))(at, 0);
  }
}

struct CastMap {
  hrt_dtype dtype;
  bool sparse;
  int64_t length;
  explicit CastMap(const Node& node) : length(node.i("max_map", 1)) {
    const std::string to = node.s("cast_to", "TO_FLOAT"), form = node.s("map_form", "DENSE");
    require(to == "TO_FLOAT" || to == "TO_STRING" || to == "TO_INT64", "cast_to is ", to);
    require(form == "DENSE" || form == "SPARSE", "map_form is ", form);
    dtype = to == "TO_FLOAT" ? HRT_FLOAT32 : to == "TO_STRING" ? HRT_STRING : HRT_INT64;
    sparse = form == "SPARSE";
    require(!sparse || (length > 0 && length <= INT32_MAX), "max_map is ", length);
  }
};

void infer_cast(const Infer& c) {
  checked_map(c.type(0), HRT_DTYPE_BIT(HRT_INT64));
  const CastMap cast(c.node());
  c.output(0, TensorType(cast.dtype, Dims{1, cast.sparse ? cast.length : HRT_DIM_UNKNOWN}));
}

double parse(std::string_view text) {
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  require(error == std::errc() && end == text.data() + text.size(), "'", text, "' is no number");
  return v;
}

void cast_item(const Tensor& y, int64_t at, const Tensor& v) {
  const bool text = v.dtype() == HRT_STRING;
  if (y.dtype() == HRT_STRING)
    return y.set_string(at, text ? std::string(v.string(0)) : std::to_string(Reader(v)(0)));
  const Writer write(y);
  write(at, text ? parse(v.string(0)) : Reader(v)(0));
}

// One row: the values by ascending key, or each at the place that its key says.
void cast_map(const Kernel& c) {
  const hrt_value* map = c.value(0);
  checked_map(&Kernel::type(map), HRT_DTYPE_BIT(HRT_INT64));
  const CastMap cast(c.node());
  const Tensor keys = sdk::keys_of(map);
  std::map<int64_t, size_t> order;
  for (int64_t i = 0; i < keys.size(); ++i) order[keys.data<int64_t>()[i]] = size_t(i);
  const Tensor y = c.output(0, cast.dtype, Dims{1, cast.sparse ? cast.length : int64_t(order.size())});
  if (y.dtype() != HRT_STRING && y.bytes() > 0) std::memset(y.raw(), 0, y.bytes());
  int64_t next = 0;
  for (const auto& [key, i] : order) {
    require(!cast.sparse || (key >= 0 && key < cast.length), "the key ", key, " is outside 0 to ",
            cast.length - 1);
    cast_item(y, cast.sparse ? key : next++, item(map, i));
  }
}

const Register zip_op(Op{
    .domain = "ai.onnx.ml",
    .name = "ZipMap",
    .since = 1,
    .doc = "each row as a map from labels to its elements",
    .inputs = {{"X", "float32"}},
    .outputs = {{"Z", "map"}},
    .attrs = {{"classlabels_int64s", HRT_ATTR_INTS}, {"classlabels_strings", HRT_ATTR_STRINGS}},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = infer_zip,
    .compute = zip_map,
});

const Register vectorizer_op(Op{
    .domain = "ai.onnx.ml",
    .name = "DictVectorizer",
    .since = 1,
    .doc = "the values of a map in the order of a vocabulary",
    .inputs = {{"X", "map"}},
    .outputs = {{"Y", "T2"}},
    .attrs = {{"int64_vocabulary", HRT_ATTR_INTS}, {"string_vocabulary", HRT_ATTR_STRINGS}},
    .types = {{"T2", bits(HRT_INT64, HRT_FLOAT32, HRT_FLOAT64, HRT_STRING)}},
    .infer = infer_vectorizer,
    .compute = vectorize,
});

const Register cast_op(Op{
    .domain = "ai.onnx.ml",
    .name = "CastMap",
    .since = 1,
    .doc = "the values of a map as a row",
    .inputs = {{"X", "map"}},
    .outputs = {{"Y", "T2"}},
    .attrs = {{"cast_to", HRT_ATTR_STRING, "TO_FLOAT"},
              {"map_form", HRT_ATTR_STRING, "DENSE"},
              {"max_map", HRT_ATTR_INT, "1"}},
    .types = {{"T2", bits(HRT_INT64, HRT_FLOAT32, HRT_STRING)}},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = infer_cast,
    .compute = cast_map,
});

}  // namespace
}  // namespace hrt::ops
