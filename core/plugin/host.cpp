// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/host.h"

#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>

#include "core/base/checked.h"
#include "core/base/log.h"
#include "core/base/mapped_file.h"
#include "core/plugin/registry.h"
#include "core/plugin/status.h"

namespace hrt {
namespace {

std::map<std::string, const void*, std::less<>>& interfaces() {
  static std::map<std::string, const void*, std::less<>> table = {
      {"hrt.host.graph/1", &graph_table()}, {"hrt.host.edit/1", &edit_table()},
      {"hrt.host.infer/1", &infer_table()}, {"hrt.host.kernel/1", &kernel_table()},
      {"hrt.host.map/1", &map_table()},     {"hrt.host.find/1", &find_table()},
  };
  return table;
}

// Fills a structure of the plugin's, which may have been compiled with fewer members than ours.
template <class T>
void fill(T* out, T full) {
  const size_t size = out->struct_size;
  full.struct_size = size;
  std::memcpy(out, &full, std::min(size, sizeof(T)));
}

template <class T>
void hand_out(const std::vector<T>& list, const T** data, size_t* count) {
  *data = list.data();
  *count = list.size();
}

}  // namespace

void provide_host_interface(const char* id, const void* table) { interfaces()[id] = table; }

const hrt_host& host_table() {
  static const hrt_host host = {
      sizeof(hrt_host),
      HRT_ABI,
      [](const char* id) -> const void* {
        const auto it = interfaces().find(std::string_view(id));
        return it == interfaces().end() ? nullptr : it->second;
      },
      [](hrt_code code, const char* message, size_t size) { return make_status(code, {message, size}); },
      [](const hrt_status* s) { return s->code; },
      [](const hrt_status* s) { return s->message.c_str(); },
      [](hrt_status* s) { destroy_status(s); },
      [](hrt_log_level level, const char* plugin, const char* message, size_t size) {
        log(level, plugin ? plugin : "?", {message, size});
      },
  };
  return host;
}

// ------------------------------------------------------------------------------------- reading

namespace {

hrt_attr attribute_to_c(const Attribute& a) {
  hrt_attr c{};
  c.struct_size = sizeof(c);
  c.name = a.name.c_str();
  c.type = a.type();
  struct Visitor {
    hrt_attr& c;
    void operator()(int64_t v) const { c.i = v; }
    void operator()(float v) const { c.f = v; }
    void operator()(const std::string& v) const { c.s = {v.data(), v.size()}; }
    void operator()(const std::shared_ptr<const TensorView>& v) const { c.tensor = &v->c; }
    void operator()(const std::shared_ptr<Graph>& v) const { c.graph = v.get(); }
    void operator()(const std::vector<int64_t>& v) const { hand_out(v, &c.ints, &c.count); }
    void operator()(const std::vector<float>& v) const { hand_out(v, &c.floats, &c.count); }
    void operator()(const std::shared_ptr<const StringList>& v) const {
      hand_out(v->views, &c.strings, &c.count);
    }
    void operator()(const Type& v) const { c.value_type = &v.c(); }
  };
  std::visit(Visitor{c}, a.data);
  return c;
}

const Node& node_at(const hrt_graph* g, uint32_t id) {
  if (!graph_of(g).has_node(id)) fail(HRT_ERROR_BAD_DATA, "there is no node {}", id);
  return graph_of(g).node(id);
}

struct RetainedConstant {
  std::shared_ptr<const Tensor> tensor;
};

const hrt_graph_api g_graph_api = {
    sizeof(hrt_graph_api),
    /*name=*/[](const hrt_graph* g) { return graph_of(g).name().c_str(); },
    /*nodes=*/
    [](const hrt_graph* g, const uint32_t** ids, size_t* n) { hand_out(graph_of(g).nodes(), ids, n); },
    /*inputs=*/
    [](const hrt_graph* g, const uint32_t** ids, size_t* n) { hand_out(graph_of(g).inputs(), ids, n); },
    /*outputs=*/
    [](const hrt_graph* g, const uint32_t** ids, size_t* n) { hand_out(graph_of(g).outputs(), ids, n); },
    /*captures=*/
    [](const hrt_graph* g, const hrt_capture** captures, size_t* n) {
      static_assert(sizeof(Capture) == sizeof(hrt_capture));
      *captures = reinterpret_cast<const hrt_capture*>(graph_of(g).captures().data());
      *n = graph_of(g).captures().size();
    },
    /*value_limit=*/[](const hrt_graph* g) { return graph_of(g).value_limit(); },
    /*node=*/
    [](const hrt_graph* g, uint32_t id, hrt_node_info* out) {
      return guard([&] {
        const Node& n = node_at(g, id);
        fill(out, hrt_node_info{0, n.domain.c_str(), n.op.c_str(), n.name.c_str(), n.inputs.data(),
                                n.inputs.size(), n.outputs.data(), n.outputs.size(), n.attributes.size()});
      });
    },
    /*value=*/
    [](const hrt_graph* g, uint32_t id, hrt_value_info* out) {
      return guard([&] {
        if (!graph_of(g).has_value(id)) fail(HRT_ERROR_BAD_DATA, "there is no value {}", id);
        const ValueDef& v = graph_of(g).value(id);
        fill(out, hrt_value_info{0, v.name.c_str(), &v.type.c(), v.producer, v.consumers.data(),
                                 v.consumers.size(), v.constant ? &v.constant_c : nullptr, v.is_input,
                                 v.output_uses > 0});
      });
    },
    /*attr=*/
    [](const hrt_graph* g, uint32_t id, const char* name, hrt_attr* out) {
      return guard([&] {
        const Attribute* a = node_at(g, id).find(name);
        fill(out, a ? attribute_to_c(*a) : hrt_attr{});
      });
    },
    /*attr_at=*/
    [](const hrt_graph* g, uint32_t id, size_t index, hrt_attr* out) {
      return guard([&] {
        const Node& n = node_at(g, id);
        if (index >= n.attributes.size())
          fail(HRT_ERROR_BAD_DATA, "{} has no attribute {}", n.describe(), index);
        fill(out, attribute_to_c(n.attributes[index]));
      });
    },
    /*symbol_name=*/
    [](const hrt_graph* g, int64_t dim) {
      const auto& symbols = graph_of(g).symbols();
      const int64_t id = dim - HRT_DIM_UNKNOWN;
      return HRT_DIM_IS_SYMBOL(dim) && size_t(id) <= symbols.size() ? symbols[size_t(id) - 1].c_str() : "";
    },
    /*opset=*/
    [](const hrt_graph* g, const char* domain) {
      const auto it = graph_of(g).opsets().find(domain);
      return it == graph_of(g).opsets().end() ? int64_t(0) : it->second;
    },
    /*constant_retain=*/
    [](const hrt_graph* g, uint32_t id, void** handle) {
      return guard([&] {
        if (!graph_of(g).has_value(id) || !graph_of(g).value(id).constant)
          fail(HRT_ERROR_BAD_DATA, "value {} is not a constant", id);
        *handle = new RetainedConstant{graph_of(g).value(id).constant};
      });
    },
    /*constant_release=*/[](void* handle) { delete static_cast<RetainedConstant*>(handle); },
};

}  // namespace

const hrt_graph_api& graph_table() { return g_graph_api; }

const hrt_find_api& find_table() {
  static const hrt_find_api table = {
      sizeof(hrt_find_api),
      [](const char* id, size_t index) { return Registry::current().find_interface(id, index); },
  };
  return table;
}

// ------------------------------------------------------------------------------------ changing

namespace {

std::mutex g_directories_mutex;
std::map<const Graph*, std::filesystem::path> g_directories;  // by main graph of an import

std::filesystem::path directory_of(const Transaction& t) {
  const Graph* g = &t.graph();
  while (g->parent()) g = g->parent();
  const std::lock_guard lock(g_directories_mutex);
  const auto it = g_directories.find(g);
  if (it == g_directories.end())
    fail(HRT_ERROR_UNSUPPORTED, "data in other files is only for models that are being imported from a file");
  return it->second;
}

std::string text(const char* s) { return s ? s : ""; }

std::vector<Attribute> attributes_from_c(const hrt_node_desc& d) {
  std::vector<Attribute> out;
  for (size_t i = 0; i < d.attr_count; ++i) {
    hrt_attr full{};  // members that the plugin does not have stay zero
    const auto* a =
        reinterpret_cast<const hrt_attr*>(reinterpret_cast<const char*>(d.attrs) + i * d.attr_stride);
    std::memcpy(&full, a, std::min(a->struct_size, sizeof(full)));
    if (full.type == HRT_ATTR_GRAPH) fail(HRT_ERROR_BAD_DATA, "a nested body is made with add_body");
    out.push_back(attribute_from_c(full));
  }
  return out;
}

void add_node(hrt_edit* e, const hrt_node_desc* d, uint32_t* node, uint32_t* outputs) {
  if (d->output_count > (1u << 16) || d->input_count > (1u << 20))
    fail(HRT_ERROR_BAD_DATA, "a node with {} inputs and {} outputs", d->input_count, d->output_count);
  std::vector<Transaction::Output> outs;
  for (size_t i = 0; i < d->output_count; ++i) {
    const char* name = d->output_names ? d->output_names[i] : nullptr;
    outs.push_back({text(name), !name || *name});
  }
  Transaction& t = transaction_of(e);
  const NodeId id =
      t.add_node(text(d->domain), text(d->op_type), text(d->name), {d->inputs, d->inputs + d->input_count},
                 std::move(outs), attributes_from_c(*d));
  if (node) *node = id;
  if (outputs) std::ranges::copy(t.graph().node(id).outputs, outputs);
}

uint32_t add_borrowed(hrt_edit* e, const char* name, const hrt_tensor* data, void (*release)(void*),
                      void* user) {
  if (data->dtype == HRT_STRING) fail(HRT_ERROR_BAD_DATA, "a string constant is copied, not borrowed");
  const unsigned width = dtype_bits(data->dtype) / 8;
  if (width > 1 && reinterpret_cast<uintptr_t>(data->data) % (width > 8 ? 8 : width) != 0)
    fail(HRT_ERROR_BAD_DATA, "the data of \"{}\" is not aligned to its elements", text(name));
  if (data->rank < 0 || data->rank > HRT_MAX_RANK)
    fail(HRT_ERROR_BAD_DATA, "\"{}\" has rank {}", text(name), data->rank);
  const Dims dims(data->dims, data->dims + data->rank);
  if (tensor_bytes(data->dtype, dims) != data->bytes)
    fail(HRT_ERROR_BAD_DATA, "\"{}\": {} bytes of data for shape {} of {}", text(name), data->bytes,
         dims_to_string(dims), dtype_name(data->dtype));
  struct Owner {
    void (*release)(void*);
    void* user;
    ~Owner() {
      if (release) release(user);
    }
  };
  // Until the constant stands, an error must leave the bytes with the caller: arm the owner last.
  auto owner = std::make_shared<Owner>(Owner{nullptr, nullptr});
  auto tensor = std::make_shared<Tensor>(Tensor::view(data->dtype, dims, data->data, owner));
  const ValueId v = transaction_of(e).add_constant(text(name), std::move(tensor));
  owner->release = release;
  owner->user = user;
  return v;
}

uint32_t add_file(hrt_edit* e, const char* name, const hrt_type* type, const char* path, uint64_t offset,
                  uint64_t bytes) {
  Transaction& t = transaction_of(e);
  const Type full = Type::from_c(*type);
  if (!full.is_static()) fail(HRT_ERROR_BAD_DATA, "\"{}\" has no static shape", text(name));
  const Dims dims(full.dims().begin(), full.dims().end());
  const uint64_t needed = tensor_bytes(full.dtype(), dims);
  if (needed != bytes || full.dtype() == HRT_STRING)
    fail(HRT_ERROR_BAD_DATA, "\"{}\": {} bytes in {} for {}", text(name), bytes, path, to_string(full));
  const auto file = MappedFile::open_beneath(directory_of(t), path);
  if (checked_add(offset, bytes) > file->bytes().size())
    fail(HRT_ERROR_BAD_DATA, "\"{}\" needs bytes {} to {} of {}, which has {}", text(name), offset,
         offset + bytes, path, file->bytes().size());
  const std::byte* data = file->bytes().data() + offset;
  const unsigned width = std::max(1u, dtype_bits(full.dtype()) / 8);
  if (reinterpret_cast<uintptr_t>(data) % std::min(width, 8u) == 0)
    return t.add_constant(text(name), std::make_shared<Tensor>(Tensor::view(full.dtype(), dims, data, file)));
  // Not aligned to its elements: this one has to be copied.
  auto copy = std::make_shared<Tensor>(Tensor::allocate(full.dtype(), dims));
  std::memcpy(copy->data(), data, bytes);
  return t.add_constant(text(name), std::move(copy));
}

const hrt_edit_api g_edit_api = {
    sizeof(hrt_edit_api),
    /*graph=*/
    [](const hrt_edit* e) -> const hrt_graph* { return &static_cast<const Transaction*>(e)->graph(); },
    /*add_node=*/
    [](hrt_edit* e, const hrt_node_desc* d, uint32_t* node, uint32_t* outputs) {
      return guard([&] { add_node(e, d, node, outputs); });
    },
    /*remove_node=*/
    [](hrt_edit* e, uint32_t node) { return guard([&] { transaction_of(e).remove_node(node); }); },
    /*set_input=*/
    [](hrt_edit* e, uint32_t node, uint32_t index, uint32_t value) {
      return guard([&] { transaction_of(e).set_input(node, index, value); });
    },
    /*set_attr=*/
    [](hrt_edit* e, uint32_t node, const hrt_attr* attr) {
      return guard([&] {
        if (attr->type == HRT_ATTR_NONE) return transaction_of(e).remove_attribute(node, attr->name);
        transaction_of(e).set_attribute(node, attribute_from_c(*attr));
      });
    },
    /*replace_uses=*/
    [](hrt_edit* e, uint32_t from, uint32_t to) {
      return guard([&] { transaction_of(e).replace_uses(from, to); });
    },
    /*add_input=*/
    [](hrt_edit* e, const char* name, const hrt_type* type, uint32_t* value) {
      return guard([&] { *value = transaction_of(e).add_input(text(name), Type::from_c(*type)); });
    },
    /*set_outputs=*/
    [](hrt_edit* e, const uint32_t* values, size_t count) {
      return guard([&] { transaction_of(e).set_outputs({values, values + count}); });
    },
    /*set_type=*/
    [](hrt_edit* e, uint32_t value, const hrt_type* type) {
      return guard([&] { transaction_of(e).declare_type(value, Type::from_c(*type)); });
    },
    /*add_constant=*/
    [](hrt_edit* e, const char* name, const hrt_tensor* data, uint32_t* value) {
      return guard([&] {
        *value = transaction_of(e).add_constant(text(name), std::make_shared<Tensor>(Tensor::copy_of(*data)));
      });
    },
    /*add_constant_borrowed=*/
    [](hrt_edit* e, const char* name, const hrt_tensor* data, void (*release)(void*), void* user,
       uint32_t* value) { return guard([&] { *value = add_borrowed(e, name, data, release, user); }); },
    /*add_constant_file=*/
    [](hrt_edit* e, const char* name, const hrt_type* type, const char* path, uint64_t offset, uint64_t bytes,
       uint32_t* value) { return guard([&] { *value = add_file(e, name, type, path, offset, bytes); }); },
    /*add_body=*/
    [](hrt_edit* e, uint32_t node, const char* attr, const char* name, hrt_edit** body) {
      return guard([&] { *body = &transaction_of(e).add_body(node, text(attr), text(name)); });
    },
    /*add_capture=*/
    [](hrt_edit* e, uint32_t outer, uint32_t* inner) {
      return guard([&] { *inner = transaction_of(e).add_capture(outer); });
    },
    /*symbol=*/
    [](hrt_edit* e, const char* name, int64_t* dim) {
      return guard([&] { *dim = transaction_of(e).symbol(text(name)); });
    },
    /*set_opset=*/
    [](hrt_edit* e, const char* domain, int64_t version) {
      return guard([&] { transaction_of(e).set_opset(text(domain), version); });
    },
    /*set_metadata=*/
    [](hrt_edit* e, const char* key, const char* value, size_t size) {
      return guard([&] { transaction_of(e).set_metadata(text(key), {value, size}); });
    },
    /*set_name=*/
    [](hrt_edit* e, const char* name) { return guard([&] { transaction_of(e).set_name(text(name)); }); },
};

}  // namespace

const hrt_edit_api& edit_table() { return g_edit_api; }

Attribute attribute_from_c(const hrt_attr& a) {
  if (!a.name || !*a.name) fail(HRT_ERROR_BAD_DATA, "an attribute without name");
  switch (a.type) {
    case HRT_ATTR_INT: return {a.name, a.i};
    case HRT_ATTR_FLOAT: return {a.name, a.f};
    case HRT_ATTR_STRING: return {a.name, std::string(a.s.data ? a.s.data : "", a.s.size)};
    case HRT_ATTR_TENSOR: return {a.name, std::make_shared<const TensorView>(Tensor::copy_of(*a.tensor))};
    case HRT_ATTR_INTS: return {a.name, std::vector<int64_t>(a.ints, a.ints + a.count)};
    case HRT_ATTR_FLOATS: return {a.name, std::vector<float>(a.floats, a.floats + a.count)};
    case HRT_ATTR_TYPE: return {a.name, Type::from_c(*a.value_type)};
    case HRT_ATTR_STRINGS: {
      std::vector<std::string> texts;
      for (size_t i = 0; i < a.count; ++i)
        texts.emplace_back(a.strings[i].data ? a.strings[i].data : "", a.strings[i].size);
      return {a.name, std::make_shared<const StringList>(std::move(texts))};
    }
    default: fail(HRT_ERROR_BAD_DATA, "attribute \"{}\" has the unknown type {}", a.name, a.type);
  }
}

ModelDirectory::ModelDirectory(const Transaction& transaction, std::filesystem::path directory)
    : graph_(&transaction.graph()) {
  const std::lock_guard lock(g_directories_mutex);
  g_directories[graph_] = std::move(directory);
}

ModelDirectory::~ModelDirectory() {
  const std::lock_guard lock(g_directories_mutex);
  g_directories.erase(graph_);
}

}  // namespace hrt
