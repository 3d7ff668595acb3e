// SPDX-License-Identifier: Apache-2.0
#include "adapt.hpp"

#include <algorithm>
#include <unordered_map>

namespace hrt::importer {

using namespace sdk;

namespace {

// Versions from ... to - 1 of an operator are brought to version to. Ranges of one operator follow each
// other; a version between them differs from the next range's first only in what it allows.
struct Adapter {
  const char* op;
  int64_t from;
  int64_t to;
  void (*bring)(Rewrite& r);
};

constexpr Adapter kOnnx[] = {
    {"Abs", 1, 6, consumed_inputs},
    {"Add", 1, 6, consumed_inputs},
    {"Add", 6, 7, broadcast},
    {"And", 1, 7, broadcast},
    {"BatchNormalization", 1, 6, consumed_inputs},
    {"BatchNormalization", 6, 7, batch_norm_is_test},
    {"BatchNormalization", 7, 9, batch_norm_spatial},
    {"BatchNormalization", 9, 14, batch_norm_outputs},
    {"Cast", 1, 6, cast_type_name},
    {"Ceil", 1, 6, consumed_inputs},
    {"Clip", 1, 6, consumed_inputs},
    {"Clip", 6, 11, clip},
    {"Concat", 1, 4, concat_axis},
    {"DFT", 17, 20, dft_axis},
    {"Div", 1, 6, consumed_inputs},
    {"Div", 6, 7, broadcast},
    {"Dropout", 1, 10, dropout_mask},
    {"Dropout", 10, 12, dropout_mode},
    {"Elu", 1, 6, consumed_inputs},
    {"Equal", 1, 7, broadcast},
    {"Exp", 1, 6, consumed_inputs},
    {"Floor", 1, 6, consumed_inputs},
    {"GRU", 1, 7, output_sequence},
    {"Gemm", 1, 7, broadcast},
    {"GlobalLpPool", 1, 2, norm_order},
    {"Greater", 1, 7, broadcast},
    {"GridSample", 16, 20, grid_sample_modes},
    {"GroupNormalization", 18, 21, group_norm_per_channel},
    {"HardSigmoid", 1, 6, consumed_inputs},
    {"Hardmax", 1, 13, flat_softmax},
    {"InstanceNormalization", 1, 6, consumed_inputs},
    {"LSTM", 1, 7, output_sequence},
    {"LeakyRelu", 1, 6, consumed_inputs},
    {"Less", 1, 7, broadcast},
    {"Log", 1, 6, consumed_inputs},
    {"LogSoftmax", 1, 13, flat_softmax},
    {"LpPool", 1, 2, norm_order},
    {"Max", 1, 6, consumed_inputs},
    {"Mean", 1, 6, consumed_inputs},
    {"Min", 1, 6, consumed_inputs},
    {"Mul", 1, 6, consumed_inputs},
    {"Mul", 6, 7, broadcast},
    {"Neg", 1, 6, consumed_inputs},
    {"OneHot", 9, 11, one_hot_negative},
    {"Or", 1, 7, broadcast},
    {"PRelu", 1, 6, consumed_inputs},
    {"PRelu", 6, 7, prelu},
    {"Pad", 1, 2, pad_amounts},
    {"Pad", 2, 11, pad_inputs},
    {"Pow", 1, 7, broadcast},
    {"RNN", 1, 7, output_sequence},
    {"Reciprocal", 1, 6, consumed_inputs},
    {"ReduceL1", 1, 18, axes_to_input},
    {"ReduceL2", 1, 18, axes_to_input},
    {"ReduceLogSum", 1, 18, axes_to_input},
    {"ReduceLogSumExp", 1, 18, axes_to_input},
    {"ReduceMax", 1, 18, axes_to_input},
    {"ReduceMean", 1, 18, axes_to_input},
    {"ReduceMin", 1, 18, axes_to_input},
    {"ReduceProd", 1, 18, axes_to_input},
    {"ReduceSum", 1, 13, axes_to_input},
    {"ReduceSumSquare", 1, 18, axes_to_input},
    {"Relu", 1, 6, consumed_inputs},
    {"Reshape", 1, 5, reshape},
    {"Resize", 10, 11, resize_10},
    {"Resize", 11, kOpset, resize_optional_inputs},
    {"RoiAlign", 10, 16, roi_align_offset},
    {"Scan", 8, 9, scan_batch},
    {"Scatter", 9, 11, scatter},
    {"Selu", 1, 6, selu_constants},
    {"Sigmoid", 1, 6, consumed_inputs},
    {"Slice", 1, 10, slice},
    {"Softmax", 1, 13, flat_softmax},
    {"Split", 1, 2, split_1},
    {"Split", 2, 13, split_sizes},
    {"Split", 13, 18, split_count},
    {"Sqrt", 1, 6, consumed_inputs},
    {"Squeeze", 1, 13, squeeze},
    {"Sub", 1, 6, consumed_inputs},
    {"Sub", 6, 7, broadcast},
    {"Sum", 1, 6, consumed_inputs},
    {"Tanh", 1, 6, consumed_inputs},
    {"Tile", 1, 6, tile},
    {"TopK", 1, 10, top_k},
    {"Unsqueeze", 1, 13, unsqueeze},
    {"Upsample", 1, 7, upsample_1},
    {"Upsample", 7, 9, upsample_7},
    {"Upsample", 9, 10, upsample_9},
    {"Xor", 1, 7, broadcast},
};

constexpr Adapter kMl[] = {
    {"LabelEncoder", 1, 2, label_encoder},
};

const Adapter* find_adapter(const Node& node) {
  using Index = std::unordered_multimap<std::string_view, const Adapter*>;
  const auto index = [](std::span<const Adapter> table) {
    Index out;
    for (const Adapter& a : table) out.emplace(a.op, &a);
    return out;
  };
  static const Index onnx = index(kOnnx);
  static const Index ml = index(kMl);
  if (!node.domain.empty() && node.domain != kMlDomain) return nullptr;
  const auto [begin, end] = (node.domain.empty() ? onnx : ml).equal_range(node.op);
  const auto it = std::find_if(begin, end, [&](const auto& entry) {
    return entry.second->from <= node.version && node.version < entry.second->to;
  });
  return it == end ? nullptr : it->second;
}

}  // namespace

std::vector<Node> adapt(Node node, const ModelFacts& facts) {
  Rewrite r(std::move(node), facts);
  while (const Adapter* a = find_adapter(r.node)) {
    a->bring(r);
    r.node.version = std::max(r.node.version, a->to);
  }
  return std::move(r).finish();
}

Fact Rewrite::fact(const std::string& value) const { return value.empty() ? Fact{} : facts_.fact(value); }

std::string Rewrite::fresh(std::string_view hint) {
  const auto named = std::ranges::find_if(node.outputs, [](const auto& o) { return !o.empty(); });
  const std::string base = named == node.outputs.end() ? node.op : *named;
  const size_t begin = base.starts_with('\0') ? 1 : 0;
  return cat('\0', std::string_view(base).substr(begin), "/", hint, '\0', made_++);
}

Node Rewrite::around(const char* op, std::vector<std::string> inputs, std::vector<Attribute> attributes) {
  Node n;
  n.op = op;
  if (!node.name.empty()) n.name = cat(node.name, "/", op);
  n.inputs = std::move(inputs);
  n.attributes = std::move(attributes);
  return n;
}

std::string Rewrite::emit(const char* op, std::vector<std::string> inputs,
                          std::vector<Attribute> attributes) {
  return put(around(op, std::move(inputs), std::move(attributes)));
}

std::string Rewrite::put(Node n) {
  if (n.outputs.empty()) n.outputs = {fresh(n.op)};
  before_.push_back(std::move(n));
  return before_.back().outputs[0];
}

void Rewrite::send_through(size_t output, const char* op, std::vector<std::string> more_inputs,
                           std::vector<Attribute> attributes) {
  const std::string from = fresh("to");
  more_inputs.insert(more_inputs.begin(), from);
  Node n = around(op, std::move(more_inputs), std::move(attributes));
  n.outputs = {std::exchange(node.outputs[output], from)};
  after_.insert(after_.begin(), std::move(n));
}

std::string Rewrite::constant(Attribute value) { return emit("Constant", {}, {std::move(value)}); }

std::string Rewrite::ints(const std::vector<int64_t>& values) {
  return constant(attribute("value_ints", values));
}

std::string Rewrite::scalar(int64_t value) { return constant(attribute("value_int", value)); }

std::string Rewrite::floats(const std::vector<float>& values) {
  return constant(attribute("value_floats", values));
}

std::string Rewrite::scalar_like(float value, const std::string& like) {
  hrt_dtype dtype = fact(like).dtype;
  if (dtype == HRT_UNDEFINED && facts_.only_float32) dtype = HRT_FLOAT32;
  Attribute a = attribute("value", int64_t(0));
  a.proto->set_type(onnx::AttributeProto::TENSOR);
  onnx::TensorProto& t = *a.proto->mutable_t();
  t.set_data_type(dtype);
  switch (dtype) {
    case HRT_FLOAT16: t.add_int32_data(float16(value).bits); break;
    case HRT_BFLOAT16: t.add_int32_data(bfloat16(value).bits); break;
    case HRT_FLOAT64: t.add_double_data(value); break;
    default: t.set_data_type(HRT_FLOAT32); t.add_float_data(value);
  }
  const std::string made = constant(std::move(a));
  return t.data_type() == dtype ? made : emit("CastLike", {made, like});
}

std::vector<Node> Rewrite::finish() && {
  std::vector<Node> all = std::move(before_);
  all.push_back(std::move(node));
  std::ranges::move(after_, std::back_inserter(all));
  return all;
}

std::string align(Rewrite& r, const std::string& like, const std::string& value, int64_t axis) {
  const auto rank = r.fact(value).rank;
  const auto like_rank = r.fact(like).rank;
  require(axis >= -HRT_MAX_RANK && axis < HRT_MAX_RANK, "axis ", axis, " is out of range");
  if (rank && (like_rank || axis < 0)) {
    const int64_t ones = (axis < 0 ? 0 : *like_rank) - axis - *rank;
    require(ones >= 0, "axis ", axis, " leaves no room for ", *rank, " dimensions");
    if (ones == 0) return value;
    std::vector<int64_t> axes;
    for (int64_t i = 0; i < ones; ++i) axes.push_back(*rank + i);
    return r.emit("Unsqueeze", {value, r.ints(axes)});
  }
  // Ranks are not known before inference: count at run time, which folds as soon as they are.
  const std::string shape = r.emit("Shape", {value});
  std::string ones = r.emit("Sub", {r.ints({-axis}), r.emit("Shape", {shape})});
  if (axis >= 0) ones = r.emit("Add", {ones, r.emit("Shape", {r.emit("Shape", {like})})});
  const std::string fill = r.emit("Expand", {r.ints({1}), ones});
  return r.emit("Reshape", {value, r.emit("Concat", {shape, fill}, {attribute("axis", int64_t(0))})});
}

}  // namespace hrt::importer
