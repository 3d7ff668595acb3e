// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/infer.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>

#include <functional>

#include "core/base/error.h"
#include "core/plugin/host.h"
#include "core/plugin/status.h"

// One call of an operator's inference function.
struct hrt_infer {
  const hrt::Graph& graph;
  const hrt::Node& node;
  hrt::Facts& facts;
  const std::function<void(const hrt::Graph&, const hrt::Facts&)>* on_body;
  // What was handed out, kept for the call.
  std::deque<hrt::Type> body_types = {};
  std::deque<hrt_tensor> constants = {};
};

namespace hrt {
namespace {

std::optional<Dims> integers_of(const Tensor& t) {
  Dims out;
  if (t.dims().size() > 1 || t.size() > 4096) return std::nullopt;  // shape arithmetic is on short vectors
  const uint64_t n = t.size();
  out.reserve(n);
  for (uint64_t i = 0; i < n; ++i) {
    switch (t.dtype()) {
      case HRT_INT64: out.push_back(t.data_as<int64_t>()[i]); break;
      case HRT_INT32: out.push_back(t.data_as<int32_t>()[i]); break;
      case HRT_BOOL: out.push_back(t.data_as<uint8_t>()[i] != 0); break;
      default: return std::nullopt;
    }
  }
  return out;
}

// The tensor that propagated elements amount to, when all of them are numbers and the shape is known.
std::shared_ptr<const Tensor> tensor_of(const Fact& fact) {
  const Type& type = fact.type;
  if (!fact.values || !type.is_static() || !all_numbers(*fact.values)) return nullptr;
  if (element_count(type.dims()) != fact.values->size()) return nullptr;
  if (type.dtype() != HRT_INT64 && type.dtype() != HRT_INT32 && type.dtype() != HRT_BOOL) return nullptr;
  auto t =
      std::make_shared<Tensor>(Tensor::allocate(type.dtype(), Dims(type.dims().begin(), type.dims().end())));
  for (size_t i = 0; i < fact.values->size(); ++i) {
    const int64_t v = (*fact.values)[i];
    if (type.dtype() == HRT_INT64) t->data_as<int64_t>()[i] = v;
    if (type.dtype() == HRT_INT32) t->data_as<int32_t>()[i] = int32_t(v);
    if (type.dtype() == HRT_BOOL) t->data_as<uint8_t>()[i] = v != 0;
  }
  return t;
}

Fact* input_fact(hrt_infer* c, uint32_t index) {
  if (index >= c->node.inputs.size() || c->node.inputs[index] == HRT_NONE) return nullptr;
  return &c->facts[c->node.inputs[index]];
}

// An output that the node leaves out, at the end too, is not wanted.
ValueId output_id(const hrt_infer* c, uint32_t index) {
  return index < c->node.outputs.size() ? c->node.outputs[index] : HRT_NONE;
}

}  // namespace

Fact fact_of(std::shared_ptr<const Tensor> tensor) {
  Fact f;
  f.type = tensor->type();
  f.values = integers_of(*tensor);
  f.constant = std::move(tensor);
  return f;
}

namespace {

void infer_graph_with(const Graph& graph, Facts& facts,
                      const std::function<void(const Graph&, const Facts&)>* on_body);

const hrt_infer_api g_infer_api = {
    sizeof(hrt_infer_api),
    /*node=*/
    [](const hrt_infer* c, const hrt_graph** graph, uint32_t* node) {
      *graph = &c->graph;
      *node = c->node.id;
    },
    /*input_count=*/[](const hrt_infer* c) { return uint32_t(c->node.inputs.size()); },
    /*output_count=*/[](const hrt_infer* c) { return uint32_t(c->node.outputs.size()); },
    /*input_type=*/
    [](const hrt_infer* c, uint32_t i) -> const hrt_type* {
      const Fact* f = input_fact(const_cast<hrt_infer*>(c), i);
      return f ? &f->type.c() : nullptr;
    },
    /*input_constant=*/
    [](const hrt_infer* c, uint32_t i) -> const hrt_tensor* {
      auto* call = const_cast<hrt_infer*>(c);
      const Fact* f = input_fact(call, i);
      return f && f->constant ? &call->constants.emplace_back(f->constant->c()) : nullptr;
    },
    /*input_values=*/
    [](const hrt_infer* c, uint32_t i, const int64_t** values, size_t* count) -> int {
      const Fact* f = input_fact(const_cast<hrt_infer*>(c), i);
      if (!f || !f->values) return 0;
      *values = f->values->data();
      *count = f->values->size();
      return 1;
    },
    /*new_symbol=*/
    [](hrt_infer*) -> int64_t {
      // Ids above those that name dimensions of models; equality is all that they are good for.
      static std::atomic<uint32_t> next{1u << 21};
      uint32_t id = next.fetch_add(1, std::memory_order_relaxed);
      return HRT_DIM_UNKNOWN + int64_t(id < (1u << 21) ? id + (1u << 21) : id);
    },
    /*set_output_type=*/
    [](hrt_infer* c, uint32_t i, const hrt_type* type) -> hrt_status* {
      return guard([&] {
        const ValueId v = output_id(c, i);
        if (v != HRT_NONE) c->facts[v].type = Type::from_c(*type);
      });
    },
    /*set_output_values=*/
    [](hrt_infer* c, uint32_t i, const int64_t* values, size_t count) -> hrt_status* {
      return guard([&] {
        const ValueId v = output_id(c, i);
        if (v != HRT_NONE) c->facts[v].values = Dims(values, values + count);
      });
    },
    /*infer_body=*/
    [](hrt_infer* c, const char* attr, const hrt_type* const* inputs, size_t input_count,
       const hrt_type** types, size_t output_count) -> hrt_status* {
      return guard([&] {
        const Attribute* a = c->node.find(attr);
        if (!a || a->type() != HRT_ATTR_GRAPH)
          fail(HRT_ERROR_BAD_DATA, "there is no nested body \"{}\"", attr);
        const Graph& body = *std::get<std::shared_ptr<Graph>>(a->data);
        if (body.inputs().size() != input_count)
          fail(HRT_ERROR_BAD_DATA, "nested body \"{}\" has {} inputs, not {}", attr, body.inputs().size(),
               input_count);
        if (body.outputs().size() != output_count)
          fail(HRT_ERROR_BAD_DATA, "nested body \"{}\" has {} outputs, not {}", attr, body.outputs().size(),
               output_count);
        Facts facts(body);
        for (size_t i = 0; i < input_count; ++i)
          if (inputs[i]) facts[body.inputs()[i]].type = Type::from_c(*inputs[i]);
        for (const Capture& capture : body.captures()) facts[capture.inner] = c->facts[capture.outer];
        // A body that cannot run may be the branch that is never taken: that is for the run to find out.
        try {
          infer_graph_with(body, facts, c->on_body);
          if (c->on_body) (*c->on_body)(body, facts);
        } catch (const Error& e) {
          if (e.code() != HRT_ERROR_BAD_DATA) throw;
          for (const ValueId v : body.outputs()) facts[v] = Fact{};
        }
        for (size_t i = 0; i < output_count; ++i) {
          c->body_types.push_back(facts[body.outputs()[i]].type);
          types[i] = &c->body_types.back().c();
        }
      });
    },
};

void infer_node_with(const Graph& graph, NodeId id, Facts& facts,
                     const std::function<void(const Graph&, const Facts&)>* on_body) {
  const Node& node = graph.node(id);
  const hrt_op& op = check_schema(graph, id, facts);
  hrt_infer call{graph, node, facts, on_body};
  for (const ValueId v : node.outputs)
    if (v != HRT_NONE) facts[v] = Fact{};
  if (hrt_status* status = op.infer(&op, &call)) check(status, node.describe());
  for (const ValueId v : node.outputs) {
    if (v == HRT_NONE) continue;
    Fact& f = facts[v];
    f.constant = tensor_of(f);
  }
}

void infer_graph_with(const Graph& graph, Facts& facts,
                      const std::function<void(const Graph&, const Facts&)>* on_body) {
  for (ValueId v = 0; v < graph.value_limit(); ++v)
    if (graph.has_value(v) && graph.value(v).constant) facts[v] = fact_of(graph.value(v).constant);
  for (const NodeId id : graph.nodes()) infer_node_with(graph, id, facts, on_body);
}

// ------------------------------------------------------------------------------------ the schema

uint64_t constraint_bits(const hrt_op_constraint& c, const Type& type) {
  switch (type.kind()) {
    case HRT_KIND_TENSOR: return c.dtypes;
    case HRT_KIND_SEQUENCE: return c.sequence_dtypes;
    case HRT_KIND_OPTIONAL: return c.optional_dtypes;
    default: return ~uint64_t(0);  // maps: the operator checks
  }
}

hrt_dtype leaf_dtype(const Type& type) {
  const Type* t = &type;
  while (t->kind() == HRT_KIND_SEQUENCE || t->kind() == HRT_KIND_OPTIONAL) t = &t->element();
  return t->is_tensor() ? t->dtype() : HRT_UNDEFINED;
}

struct SchemaCheck {
  const hrt_op& op;
  const Node& node;
  std::map<std::string_view, Type> bound;  // what each constraint was first seen as

  void value(const hrt_op_param& param, const Type& type) {
    const hrt_dtype dtype = leaf_dtype(type);
    if (dtype == HRT_UNDEFINED) return;
    for (size_t i = 0; i < op.constraint_count; ++i) {
      const auto& c = element(op.constraints, i, op.constraint_stride);
      if (std::string_view(c.name) != param.type) continue;
      if (!(constraint_bits(c, type) & HRT_DTYPE_BIT(dtype)))
        fail(HRT_ERROR_BAD_DATA, "{}: \"{}\" must not be {}", node.describe(), param.name, to_string(type));
      if (param.flags & HRT_PARAM_HETEROGENEOUS) return;
      const auto [it, fresh] = bound.emplace(c.name, type);
      if (!fresh && type.kind() == it->second.kind() && leaf_dtype(it->second) != dtype)
        fail(HRT_ERROR_BAD_DATA, "{}: \"{}\" is {} where {} is {} already", node.describe(), param.name,
             dtype_name(dtype), c.name, dtype_name(leaf_dtype(it->second)));
      return;
    }
    if (std::string_view(dtype_name(dtype)) != param.type)
      fail(HRT_ERROR_BAD_DATA, "{}: \"{}\" must be {}, not {}", node.describe(), param.name, param.type,
           dtype_name(dtype));
  }

  const hrt_op_param& param(const hrt_op_param* list, size_t count, size_t index) const {
    return element(list, std::min(index, count - 1), op.param_stride);
  }

  void counts(const char* what, const hrt_op_param* list, size_t count,
              const std::vector<ValueId>& values) const {
    const bool variadic = count > 0 && (element(list, count - 1, op.param_stride).flags & HRT_PARAM_VARIADIC);
    if (values.size() > count && !variadic)
      fail(HRT_ERROR_BAD_DATA, "{} has {} {}s, the operator takes {}", node.describe(), values.size(), what,
           count);
    for (size_t i = 0; i < count; ++i) {
      const auto& p = element(list, i, op.param_stride);
      const bool there = i < values.size() && (values[i] != HRT_NONE || std::string_view(what) == "output");
      if (!there && !(p.flags & HRT_PARAM_OPTIONAL))
        fail(HRT_ERROR_BAD_DATA, "{} lacks its {} \"{}\"", node.describe(), what, p.name);
    }
  }

  void attributes() const {
    for (const Attribute& a : node.attributes) {
      const hrt_op_attr* known = nullptr;
      for (size_t i = 0; i < op.attr_count; ++i)
        if (a.name == element(op.attrs, i, op.attr_stride).name)
          known = &element(op.attrs, i, op.attr_stride);
      if (!known)
        fail(HRT_ERROR_BAD_DATA, "{} has an attribute \"{}\" that its operator does not know",
             node.describe(), a.name);
      if (known->type != a.type())
        fail(HRT_ERROR_BAD_DATA, "{}: attribute \"{}\" has the wrong type", node.describe(), a.name);
    }
    for (size_t i = 0; i < op.attr_count; ++i) {
      const auto& a = element(op.attrs, i, op.attr_stride);
      if (a.required && !node.find(a.name))
        fail(HRT_ERROR_BAD_DATA, "{} lacks its attribute \"{}\"", node.describe(), a.name);
    }
  }
};

}  // namespace

const hrt_op& check_schema(const Graph& graph, NodeId id, const Facts& facts) {
  const Node& node = graph.node(id);
  const hrt_op& op =
      with_context([&] { return node.describe(); },
                   [&]() -> const hrt_op& { return Registry::current().op(node.domain, node.op); });
  SchemaCheck s{op, node, {}};
  s.counts("input", op.inputs, op.input_count, node.inputs);
  s.counts("output", op.outputs, op.output_count, node.outputs);
  s.attributes();
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i] != HRT_NONE && node.inputs[i] < facts.size())
      s.value(s.param(op.inputs, op.input_count, i), facts.at(node.inputs[i]).type);
  return op;
}

void infer_node(const Graph& graph, NodeId node, Facts& facts) {
  infer_node_with(graph, node, facts, nullptr);
}
void infer_graph(const Graph& graph, Facts& facts) { infer_graph_with(graph, facts, nullptr); }

// ----------------------------------------------------------------------------------- annotation

namespace {

void write_types(Transaction& t, const Graph& graph, const Facts& facts) {
  for (ValueId v = 0; v < graph.value_limit(); ++v)
    if (graph.has_value(v) && !graph.value(v).constant && v < facts.size())
      with_context([&] { return fmt::format("\"{}\"", graph.value(v).name); },
                   [&] { t.set_type(v, merge(facts.at(v).type, graph.value(v).type)); });
}

// Annotates bodies as the operator's inference visits them. A body may be visited several times with
// more and more general inputs: the last visit counts.
std::function<void(const Graph&, const Facts&)> write_bodies(Transaction& t) {
  return [&t](const Graph& body, const Facts& facts) {
    Transaction& edit = t.edit_body(const_cast<Graph&>(body));  // of the graph that is being annotated
    for (ValueId v = 0; v < body.value_limit(); ++v)
      if (body.has_value(v) && !body.value(v).constant && v < facts.size())
        edit.set_type(v, facts.at(v).type);
  };
}

}  // namespace

void annotate(Graph& graph) {
  Transaction t(graph);
  const auto on_body = write_bodies(t);
  Facts facts(graph);
  for (const ValueId v : graph.inputs()) facts[v].type = graph.value(v).type;
  for (ValueId v = 0; v < graph.value_limit(); ++v)
    if (graph.has_value(v) && graph.value(v).constant) facts[v] = fact_of(graph.value(v).constant);
  for (const NodeId id : graph.nodes()) {
    infer_node_with(graph, id, facts, &on_body);
    // What the model declares may know more than inference found.
    for (const ValueId v : graph.node(id).outputs)
      if (v != HRT_NONE)
        with_context([&] { return graph.node(id).describe(); },
                     [&] { facts[v].type = merge(facts[v].type, graph.value(v).type); });
  }
  write_types(t, graph, facts);
  t.commit();
}

void annotate(Transaction& t) {
  t.sort();
  const Graph& graph = t.graph();
  const auto on_body = write_bodies(t);
  Facts facts(graph);  // of what the touched nodes read: the graph may be large, and rewrites many
  auto know = [&](ValueId v) {
    if (v == HRT_NONE || facts.has(v)) return;
    if (graph.value(v).constant)
      facts[v] = fact_of(graph.value(v).constant);
    else
      facts[v].type = graph.value(v).type;
  };
  std::vector<char> touched(graph.node_limit(), 0);
  for (const NodeId id : t.touched()) touched[id] = 1;
  for (const NodeId id : graph.nodes()) {
    if (!touched[id]) continue;
    for (const ValueId v : graph.node(id).inputs) know(v);
    for (const auto& [name, body] : graph.bodies(id))
      for (const Capture& c : body->captures()) know(c.outer);
    infer_node_with(graph, id, facts, &on_body);
    for (const ValueId v : graph.node(id).outputs)
      if (v != HRT_NONE)
        with_context([&] { return graph.node(id).describe(); },
                     [&] {
                       t.declare_type(v, facts[v].type);
                       facts[v].type = graph.value(v).type;
                     });
  }
}

const hrt_infer_api& infer_table() { return g_infer_api; }

}  // namespace hrt
