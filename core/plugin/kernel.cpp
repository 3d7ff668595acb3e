// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/kernel.h"

#include <algorithm>

#include <cstring>

#include <hrt/map.h>

#include "core/base/error.h"
#include "core/plugin/host.h"
#include "core/plugin/registry.h"
#include "core/plugin/status.h"

namespace hrt {
namespace {

Dims dims_of(int32_t rank, const int64_t* dims) {
  if (rank < 0 || rank > HRT_MAX_RANK)
    fail(HRT_ERROR_BAD_DATA, "rank {} is outside 0 to {}", rank, HRT_MAX_RANK);
  return Dims(dims, dims + rank);
}

hrt_kernel::Output& output_at(hrt_kernel* k, uint32_t i) {
  if (i >= k->outputs.size())
    fail(HRT_ERROR_INTERNAL, "the kernel writes output {}, the node has {}", i, k->outputs.size());
  return k->outputs[i];
}

// A caller of the ABI may hold any value that the host handed out; all of them are shared.
ValuePtr shared(const hrt_value* value) {
  if (!value) fail(HRT_ERROR_INTERNAL, "a kernel passes NULL for a value");
  return value->shared_from_this();
}

hrt_value* keep(hrt_kernel* k, ValuePtr value) {
  k->temporaries.push_back(std::move(value));
  return const_cast<hrt_value*>(k->temporaries.back().get());
}

// keys: rank 1, integers or strings, one for each item.
ValuePtr make_map(const Tensor& keys, Type element, const std::vector<ValuePtr>& items) {
  constexpr uint64_t kNames = HRT_DTYPE_BIT(HRT_STRING) | HRT_DTYPE_BIT(HRT_INT8) | HRT_DTYPE_BIT(HRT_INT16) |
                              HRT_DTYPE_BIT(HRT_INT32) | HRT_DTYPE_BIT(HRT_INT64) | HRT_DTYPE_BIT(HRT_UINT8) |
                              HRT_DTYPE_BIT(HRT_UINT16) | HRT_DTYPE_BIT(HRT_UINT32) |
                              HRT_DTYPE_BIT(HRT_UINT64);
  if (!(HRT_DTYPE_BIT(keys.dtype()) & kNames) || keys.dims().size() != 1 || keys.size() != items.size())
    fail(HRT_ERROR_BAD_DATA, "{} cannot be the keys of {} items", to_string(keys.type()), items.size());
  auto v = std::make_shared<hrt_value>();
  v->type = Type::map(keys.dtype(), std::move(element));
  v->keys = Tensor::copy_of(keys.c());
  for (const ValuePtr& item : items) v->items.push_back(own(item));
  return v;
}

// value: what holds the tensor, NULL when nothing may be written through it.
void fill(const hrt_tensor& tensor, const hrt_value* value, hrt_tensor* out) {
  const size_t size = out->struct_size;
  if (size < sizeof(hrt_tensor)) fail(HRT_ERROR_INTERNAL, "hrt_tensor of {} bytes is too short", size);
  *out = tensor;
  out->struct_size = size;
  out->value = const_cast<hrt_value*>(value);
}
void fill(const hrt_value& value, hrt_tensor* out) { fill(value.tensor.c(), &value, out); }

void output_tensor(hrt_kernel* k, uint32_t i, hrt_dtype dtype, int32_t rank, const int64_t* dims,
                   hrt_tensor* out) {
  auto& o = output_at(k, i);
  if (o.planned) {
    const Tensor& t = o.planned->tensor;
    const bool same = t.dtype() == dtype && int32_t(t.dims().size()) == rank &&
                      std::equal(t.dims().begin(), t.dims().end(), dims);
    if (!same)
      fail(HRT_ERROR_INTERNAL, "output {}: the kernel makes {}[{}], inference promised {}", i,
           dtype_name(dtype), dims_to_string({dims, size_t(std::max(rank, 0))}), to_string(o.planned->type));
    o.result = o.planned;
  } else {
    o.result = make_value(Tensor::allocate(dtype, dims_of(rank, dims)));
  }
  fill(*o.result, out);
  // Elements of less than a byte may leave bits over: they are zero, so that equal tensors have equal bytes.
  if (dtype_bits(dtype) < 8 && dtype != HRT_STRING && out->bytes > 0)
    static_cast<char*>(out->data)[out->bytes - 1] = 0;
}

void output_value(hrt_kernel* k, uint32_t i, const hrt_value* value) {
  auto& o = output_at(k, i);
  ValuePtr v = shared(value);
  if (o.planned) {  // memory was promised to those who read this output: copy
    const Tensor& from = v->tensor;
    const Tensor& to = o.planned->tensor;
    if (from.dtype() != to.dtype() || from.dims() != to.dims())
      fail(HRT_ERROR_INTERNAL, "output {}: the kernel passes {}, inference promised {}", i,
           to_string(v->type), to_string(o.planned->type));
    if (to.bytes() > 0 && to.data() != from.data()) std::memmove(to.data(), from.data(), to.bytes());
    o.result = o.planned;
  } else {
    o.result = own(v);
  }
}

const hrt_kernel_api g_kernel_api = {
    sizeof(hrt_kernel_api),
    /*node=*/
    [](const hrt_kernel* k, const hrt_graph** graph, uint32_t* node) {
      *graph = k->graph;
      *node = k->node;
    },
    /*input_count=*/[](const hrt_kernel* k) { return uint32_t(k->inputs.size()); },
    /*output_count=*/[](const hrt_kernel* k) { return uint32_t(k->outputs.size()); },
    /*input=*/[](const hrt_kernel* k, uint32_t i) { return i < k->inputs.size() ? k->inputs[i] : nullptr; },
    /*output_wanted=*/
    [](const hrt_kernel* k, uint32_t i) -> int { return i < k->outputs.size() && k->outputs[i].wanted; },
    /*output_tensor=*/
    [](hrt_kernel* k, uint32_t i, hrt_dtype dtype, int32_t rank, const int64_t* dims, hrt_tensor* out) {
      return guard([&] { output_tensor(k, i, dtype, rank, dims, out); });
    },
    /*output_value=*/
    [](hrt_kernel* k, uint32_t i, const hrt_value* value) {
      return guard([&] { output_value(k, i, value); });
    },
    /*make_tensor=*/
    [](hrt_kernel* k, hrt_dtype dtype, int32_t rank, const int64_t* dims, hrt_value** out) {
      return guard([&] { *out = keep(k, make_value(Tensor::allocate(dtype, dims_of(rank, dims)))); });
    },
    /*make_sequence=*/
    [](hrt_kernel* k, const hrt_type* element, const hrt_value* const* values, size_t count,
       hrt_value** out) {
      return guard([&] {
        std::vector<ValuePtr> items;
        for (size_t i = 0; i < count; ++i) items.push_back(shared(values[i]));
        *out = keep(k, make_sequence(Type::from_c(*element), items));
      });
    },
    /*make_optional=*/
    [](hrt_kernel* k, const hrt_type* element, const hrt_value* value, hrt_value** out) {
      return guard(
          [&] { *out = keep(k, make_optional(Type::from_c(*element), value ? shared(value) : nullptr)); });
    },
    /*release=*/
    [](hrt_kernel* k, const hrt_value* value) {
      // Most often the newest ones.
      const auto it = std::find_if(k->temporaries.rbegin(), k->temporaries.rend(),
                                   [&](const ValuePtr& v) { return v.get() == value; });
      if (it != k->temporaries.rend()) k->temporaries.erase(std::next(it).base());
    },
    /*run_body=*/
    [](hrt_kernel* k, const char* attr, const hrt_value* const* inputs, size_t input_count,
       const hrt_value** outputs, size_t output_count) {
      return guard([&] {
        if (!k->bodies) fail(HRT_ERROR_UNSUPPORTED, "nested bodies cannot run here");
        std::vector<ValuePtr> in;
        for (size_t i = 0; i < input_count; ++i) in.push_back(shared(inputs[i]));
        auto out = k->bodies->run_body(attr, in);
        if (out.size() != output_count)
          fail(HRT_ERROR_BAD_DATA, "nested body \"{}\" has {} outputs, not {}", attr, out.size(),
               output_count);
        for (size_t i = 0; i < output_count; ++i) outputs[i] = keep(k, own(out[i]));
      });
    },
    /*cancelled=*/[](const hrt_kernel* k) -> int { return k->cancel && k->cancel->cancelled(); },
    /*value_kind=*/[](const hrt_value* v) { return v->type.kind(); },
    /*value_type=*/[](const hrt_value* v) { return &v->type.c(); },
    /*value_tensor=*/
    [](const hrt_value* v, hrt_tensor* out) {
      return guard([&] {
        if (v->type.kind() != HRT_KIND_TENSOR)
          fail(HRT_ERROR_BAD_DATA, "expected a tensor, got {}", to_string(v->type));
        fill(*v, out);
      });
    },
    /*value_count=*/[](const hrt_value* v) { return v->items.size(); },
    /*value_at=*/
    [](const hrt_value* v, size_t i) { return i < v->items.size() ? v->items[i].get() : nullptr; },
    /*string_set=*/
    [](hrt_value* v, size_t i, const char* data, size_t size) {
      return guard([&] { v->tensor.set_string(i, {data, size}); });
    },
};

const hrt_map_api g_map_api = {
    sizeof(hrt_map_api),
    /*make_map=*/
    [](hrt_kernel* k, const hrt_value* keys, const hrt_type* element, const hrt_value* const* values,
       size_t count, hrt_value** out) {
      return guard([&] {
        std::vector<ValuePtr> items;
        for (size_t i = 0; i < count; ++i) items.push_back(shared(values[i]));
        *out = keep(k, make_map(shared(keys)->tensor, Type::from_c(*element), items));
      });
    },
    /*keys=*/
    [](const hrt_value* v, hrt_tensor* out) {
      return guard([&] {
        if (v->type.kind() != HRT_KIND_MAP)
          fail(HRT_ERROR_BAD_DATA, "expected a map, got {}", to_string(v->type));
        fill(v->keys.c(), nullptr, out);
      });
    },
};

}  // namespace

const hrt_kernel_api& kernel_table() { return g_kernel_api; }
const hrt_map_api& map_table() { return g_map_api; }

void run_kernel(hrt_kernel& call) {
  const Node& node = call.graph->node(call.node);
  const hrt_op& op = Registry::current().op(node.domain, node.op);
  if (!op.compute) fail(HRT_ERROR_UNSUPPORTED, "{}: the operator has no reference kernel", node.describe());
  for (auto& o : call.outputs) o.result.reset();
  hrt_status* status = op.compute(&op, &call);
  call.temporaries.clear();
  if (status) check(status, node.describe());
  for (size_t i = 0; i < call.outputs.size(); ++i)
    if (call.outputs[i].wanted && !call.outputs[i].result)
      fail(HRT_ERROR_INTERNAL, "{}: the kernel did not write output {}", node.describe(), i);
}

std::vector<ValuePtr> evaluate(const Graph& graph, NodeId id, std::vector<const hrt_value*> inputs) {
  hrt_kernel call;
  call.graph = &graph;
  call.node = id;
  call.inputs = std::move(inputs);
  for (const ValueId v : graph.node(id).outputs) call.outputs.push_back({v != HRT_NONE, nullptr, nullptr});
  run_kernel(call);
  std::vector<ValuePtr> results;
  for (auto& o : call.outputs) results.push_back(std::move(o.result));
  return results;
}

}  // namespace hrt
