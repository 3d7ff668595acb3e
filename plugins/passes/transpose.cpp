// SPDX-License-Identifier: Apache-2.0
#include "transpose.h"

#include <algorithm>
#include <numeric>
#include <string_view>

namespace hrt::passes {
namespace {

constexpr size_t kMaxValues = 64;          // of a region: bounds the work for each Transpose
constexpr int64_t kMaxConstant = 1 << 20;  // elements; larger constants may be beyond folding

// Operators whose output element depends on the elements of all inputs at the same index.
constexpr std::string_view kElementwise[] = {
    "Add",   "Sub",   "Mul", "Div", "Pow", "Mod",   "Min",  "Max",         "Sum",     "Mean",
    "PRelu", "Where", "And", "Or",  "Xor", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"};
// The same of input 0; the other inputs are scalars.
constexpr std::string_view kUnary[] = {
    // arithmetic
    "Abs", "Cast", "Ceil", "Clip", "Floor", "Neg", "Not", "Reciprocal", "Round", "Sign", "Sqrt",
    // functions
    "Cos", "Erf", "Exp", "Log", "Sin", "Tanh",
    // activations
    "Celu", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "Relu", "Selu", "Sigmoid",
    "Softplus", "Softsign", "Swish", "ThresholdedRelu"};
// Along the attribute axis.
constexpr std::string_view kAlongAxis[] = {"Softmax", "LogSoftmax", "Concat"};
constexpr std::string_view kReduce[] = {"ReduceMean",      "ReduceSum",      "ReduceMax", "ReduceMin",
                                        "ReduceProd",      "ReduceL1",       "ReduceL2",  "ReduceLogSum",
                                        "ReduceLogSumExp", "ReduceSumSquare"};

template <class List>
bool in(const List& list, const Node& node) {
  return node.domain().empty() && std::find(std::begin(list), std::end(list), node.op()) != std::end(list);
}

// The inputs that carry data; the rest are scalars, or axes.
std::span<const uint32_t> operands(const Node& node) {
  const bool all = in(kElementwise, node) || node.is("Concat");
  return all ? node.inputs() : node.inputs().first(std::min<size_t>(1, node.inputs().size()));
}

bool is_small_constant(const Value& v) {
  const auto c = v.constant();
  return c && c->size() <= kMaxConstant && c->dtype() != HRT_STRING;
}

void set(std::vector<Attr>& attrs, const Attr& attr) {
  std::erase_if(attrs, [&](const Attr& a) { return std::string_view(a.c().name) == attr.c().name; });
  attrs.push_back(attr);
}

}  // namespace

std::optional<Dims> perm_of(const Rewriter& r, const Node& node) {
  Dims perm = node.ints("perm");
  const Value x = r.value(node.input(0));
  if (!x.ranked() || (!perm.empty() && perm.size() != x.dims().size())) return std::nullopt;
  if (perm.empty()) {
    perm.resize(size_t(x.rank()));
    std::iota(perm.rbegin(), perm.rend(), 0);
  }
  Dims sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  return is_identity(sorted) ? std::optional(perm) : std::nullopt;
}

bool is_identity(const Dims& perm) {
  for (size_t i = 0; i < perm.size(); ++i)
    if (perm[i] != int64_t(i)) return false;
  return true;
}

Dims inverse(const Dims& perm) {
  Dims out(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) out[size_t(perm[i])] = int64_t(i);
  return out;
}

Dims compose(const Dims& first, const Dims& then) {
  Dims out;
  for (int64_t axis : then) out.push_back(first[size_t(axis)]);
  return out;
}

uint32_t add_transpose(Rewriter& r, uint32_t x, const Dims& perm) {
  return r.add(
      {.op = "Transpose", .inputs = {x}, .attrs = {Attr::of("perm", std::span<const int64_t>(perm))}});
}

Region::Region(Rewriter& r, uint32_t value, const Dims& perm, uint32_t sink, bool through_shared)
    : r_(r), perm_(perm), through_shared_(through_shared), value_(value) {
  visit(value);
  count_saving(sink);
}

// Scalars broadcast alike whatever the order of axes.
bool Region::keeps_as_it_is(uint32_t operand) const {
  if (operand == HRT_NONE) return true;
  const Value v = r_.value(operand);
  const auto c = v.constant();
  return v.rank() == 0 || (c && c->size() == 1 && v.rank() <= int(perm_.size()));
}

bool Region::can_move(const Node& node) const {
  const bool reduce = in(kReduce, node);
  if (!reduce && !in(kElementwise, node) && !in(kUnary, node) && !in(kAlongAxis, node)) return false;
  const int rank = int(perm_.size());
  if (node.outputs().size() != 1 || r_.value(node.output(0)).rank() != rank) return false;
  if (reduce) {
    if (node.i("keepdims", 1) == 0) return false;
    const auto axes = r_.integers(node.input(1));
    if (node.has_input(1) && !(axes && normalise_axes(*axes, rank))) return false;
  }
  const auto data = operands(node);
  return !data.empty() && std::all_of(data.begin(), data.end(), [&](uint32_t v) {
    if (keeps_as_it_is(v)) return !node.is("Concat");
    const Value x = r_.value(v);
    return x.rank() == rank || (is_small_constant(x) && x.rank() < rank);
  });
}

void Region::visit(uint32_t v) {
  if (moves_.contains(v)) return;
  const Value x = r_.value(v);
  const auto producer = r_.producer(v);
  if (is_small_constant(x)) {
    moves_[v] = {Kind::kConstant, HRT_NONE};
  } else if (producer && producer->is("Transpose") && perm_of(r_, *producer)) {
    moves_[v] = {Kind::kSource, producer->id()};
  } else if (producer && moves_.size() < kMaxValues && (through_shared_ || r_.single_use(v)) &&
             can_move(*producer)) {
    moves_[v] = {Kind::kNode, producer->id()};
    for (uint32_t operand : operands(*producer))
      if (!keeps_as_it_is(operand)) visit(operand);
  } else {
    moves_[v] = {Kind::kBorder, HRT_NONE};
  }
  order_.push_back(v);
}

bool Region::used_outside(uint32_t v, uint32_t sink) const {
  const Value x = r_.value(v);
  const auto inside = [&](uint32_t node) {
    if (node == sink) return true;
    const uint32_t y = r_.node(node).output(0);
    const auto move = moves_.find(y);
    return move != moves_.end() && move->second.kind == Kind::kNode;
  };
  return x.is_output() || !std::all_of(x.consumers().begin(), x.consumers().end(), inside);
}

void Region::count_saving(uint32_t sink) {
  for (uint32_t v : order_) {
    const Move& move = moves_[v];
    if (move.kind == Kind::kBorder) --saving_;
    if (move.kind == Kind::kSource) {
      if (!is_identity(compose(*perm_of(r_, r_.node(move.node)), perm_))) --saving_;
      if (!used_outside(v, sink)) ++saving_;
    }
    if (move.kind == Kind::kNode && used_outside(v, sink)) {
      shared_.push_back(v);
      --saving_;
    }
  }
}

uint32_t Region::build() {
  for (uint32_t v : order_) {
    const Move move = moves_[v];
    switch (move.kind) {
      case Kind::kNode: built_[v] = build_node(move.node); break;
      case Kind::kConstant: built_[v] = build_constant(v); break;
      case Kind::kBorder: built_[v] = add_transpose(r_, v, perm_); break;
      case Kind::kSource: {
        const Node transpose = r_.node(move.node);
        const Dims perm = compose(*perm_of(r_, transpose), perm_);
        const uint32_t x = transpose.input(0);
        built_[v] = is_identity(perm) ? x : add_transpose(r_, x, perm);
        break;
      }
    }
  }
  return built_[value_];
}

// The axes of a reduction, permuted; HRT_NONE for other nodes, and where none are given.
uint32_t Region::moved_axes(const Node& node) {
  const auto axes = in(kReduce, node) ? r_.integers(node.input(1)) : std::nullopt;
  if (!axes) return HRT_NONE;
  const Dims moved_to = inverse(perm_);
  Dims moved = *normalise_axes(*axes, int64_t(perm_.size()));
  for (int64_t& a : moved) a = moved_to[size_t(a)];
  return r_.edit().add_constant(nullptr, {int64_t(moved.size())}, std::span<const int64_t>(moved));
}

uint32_t Region::build_node(uint32_t id) {
  const int64_t rank = int64_t(perm_.size());
  const Dims moved_to = inverse(perm_);
  const uint32_t axes_input = moved_axes(r_.node(id));
  const Node node = r_.node(id);  // anew: the line before may have edited
  std::vector<uint32_t> inputs(node.inputs().begin(), node.inputs().end());
  for (size_t i = 0; i < operands(node).size(); ++i)
    if (!keeps_as_it_is(inputs[i])) inputs[i] = built_.at(inputs[i]);
  if (axes_input != HRT_NONE) inputs[1] = axes_input;
  auto attrs = attributes_of(node);
  if (in(kAlongAxis, node)) {
    const int64_t axis = node.i("axis", -1);
    set(attrs, Attr::of("axis", moved_to[size_t(axis < 0 ? axis + rank : axis)]));
  }
  const std::string op(node.op());
  return r_.add({.op = op.c_str(), .inputs = inputs, .attrs = attrs, .name = node.name()});
}

// With axes of size 1 in front, up to the rank of the region, as broadcasting would add them.
uint32_t Region::build_constant(uint32_t v) {
  const Tensor data = *r_.value(v).constant();
  if (data.rank() == int(perm_.size())) return add_transpose(r_, v, perm_);
  Dims dims(perm_.size() - size_t(data.rank()), 1);
  dims.insert(dims.end(), data.dims().begin(), data.dims().end());
  hrt_tensor t = data.c();
  t.rank = int32_t(dims.size());
  t.dims = dims.data();
  return add_transpose(r_, r_.edit().add_constant(nullptr, t), perm_);
}

void Region::finish() {
  const Dims back = inverse(perm_);
  for (auto v = shared_.rbegin(); v != shared_.rend(); ++v)
    r_.replace(moves_[*v].node, add_transpose(r_, built_[*v], back));
}

}  // namespace hrt::passes
