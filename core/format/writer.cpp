// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <map>

#include "core/base/checked.h"
#include "core/base/hash.h"
#include "core/format/hrt_file.h"
#include "core/format/layout.h"
#include "core/format/model_generated.h"

namespace hrt {
namespace {

namespace fb = flatbuffers;

constexpr const char* kProducer = "hrt";

class Writer {
 public:
  explicit Writer(const Graph& graph) : symbols_(graph.symbols().size()) {
    const auto root = write_graph(graph, nullptr);
    std::vector<fb::Offset<format::Opset>> opsets;
    for (const auto& [domain, version] : graph.opsets())
      opsets.push_back(format::CreateOpset(builder_, text(domain), version));
    std::vector<fb::Offset<format::Metadata>> metadata;
    for (const auto& [key, value] : graph.metadata())
      metadata.push_back(format::CreateMetadata(builder_, text(key), bytes(value)));
    const auto symbols = builder_.CreateVectorOfStrings(graph.symbols());
    builder_.Finish(format::CreateModel(builder_, root, symbols, builder_.CreateVector(opsets),
                                        builder_.CreateVector(metadata), text(kProducer)));
  }

  void save(const std::filesystem::path& path) {
    FileHeader header{};
    std::memcpy(header.magic, kMagic, sizeof(kMagic));
    header.version = kVersion;
    header.model_offset = align_up(sizeof(FileHeader), 64);
    header.model_size = builder_.GetSize();
    header.model_checksum = xxh3(model());
    header.data_offset = align_up(header.model_offset + header.model_size, 4096);
    header.data_size = data_size_;
    header.checksum = xxh3(std::as_bytes(std::span(&header, 1)).first(offsetof(FileHeader, checksum)));

    static const std::byte zeros[4096] = {};
    std::vector<std::span<const std::byte>> parts;
    uint64_t at = 0;
    auto put = [&](uint64_t offset, std::span<const std::byte> part) {
      parts.emplace_back(zeros, offset - at);
      parts.push_back(part);
      at = offset + part.size();
    };
    put(0, std::as_bytes(std::span(&header, 1)));
    put(header.model_offset, model());
    for (const auto& [offset, segment] : segments_) put(header.data_offset + offset, segment);
    parts.emplace_back(zeros, header.data_offset + header.data_size - at);
    write_file_atomically(path, parts);
  }

 private:
  std::span<const std::byte> model() const {
    return {reinterpret_cast<const std::byte*>(builder_.GetBufferPointer()), builder_.GetSize()};
  }

  fb::Offset<fb::String> text(const std::string& s) { return builder_.CreateSharedString(s); }
  fb::Offset<fb::Vector<uint8_t>> bytes(const std::string& s) {
    return builder_.CreateVector(reinterpret_cast<const uint8_t*>(s.data()), s.size());
  }

  fb::Offset<format::Type> write_type(const Type& type) {
    fb::Offset<format::Type> element = 0;
    if (!type.is_tensor()) element = write_type(type.element());
    // Symbols that inference made up mean nothing outside of the process.
    Dims kept(type.dims().begin(), type.dims().end());
    for (int64_t& d : kept)
      if (HRT_DIM_IS_SYMBOL(d) && uint64_t(d - HRT_DIM_UNKNOWN) > symbols_) d = HRT_DIM_UNKNOWN;
    const auto dims = builder_.CreateVector(kept);
    return format::CreateType(builder_, type.kind(), type.dtype(), type.c().rank, dims, element);
  }

  fb::Offset<format::Data> write_data(const Tensor& tensor) {
    const auto dims = builder_.CreateVector(tensor.dims());
    if (tensor.dtype() == HRT_STRING) {
      std::vector<fb::Offset<format::Bytes>> strings;
      for (uint64_t i = 0, n = tensor.size(); i < n; ++i)
        strings.push_back(format::CreateBytes(builder_, bytes(std::string(tensor.string(i)))));
      return format::CreateData(builder_, tensor.dtype(), dims, 0, 0, 0, builder_.CreateVector(strings));
    }
    // The same bytes, shared by several values, are written once.
    const auto [it, fresh] = offsets_.try_emplace({tensor.data(), tensor.bytes()}, data_size_);
    if (fresh) {
      segments_.emplace_back(data_size_, tensor.as_bytes());
      data_size_ = align_up(checked_add(data_size_, uint64_t(tensor.bytes())), kAlignment);
    }
    return format::CreateData(builder_, tensor.dtype(), dims, it->second, tensor.bytes(),
                              xxh3(tensor.as_bytes()));
  }

  struct AttributeFields {
    int64_t i = 0;
    float f = 0;
    fb::Offset<fb::Vector<uint8_t>> s = 0;
    fb::Offset<format::Data> tensor = 0;
    fb::Offset<format::Graph> graph = 0;
    fb::Offset<fb::Vector<int64_t>> ints = 0;
    fb::Offset<fb::Vector<float>> floats = 0;
    fb::Offset<fb::Vector<fb::Offset<format::Bytes>>> strings = 0;
    fb::Offset<format::Type> value_type = 0;
  };

  fb::Offset<format::Attribute> write_attribute(const Attribute& a, const std::vector<uint32_t>& ids) {
    struct Visitor {
      Writer& w;
      const std::vector<uint32_t>& ids;
      AttributeFields& f;
      void operator()(int64_t v) const { f.i = v; }
      void operator()(float v) const { f.f = v; }
      void operator()(const std::string& v) const { f.s = w.bytes(v); }
      void operator()(const std::shared_ptr<const TensorView>& v) const {
        f.tensor = w.write_data(v->tensor);
      }
      void operator()(const std::shared_ptr<Graph>& v) const { f.graph = w.write_graph(*v, &ids); }
      void operator()(const std::vector<int64_t>& v) const { f.ints = w.builder_.CreateVector(v); }
      void operator()(const std::vector<float>& v) const { f.floats = w.builder_.CreateVector(v); }
      void operator()(const std::shared_ptr<const StringList>& v) const {
        std::vector<fb::Offset<format::Bytes>> list;
        for (const std::string& s : v->texts) list.push_back(format::CreateBytes(w.builder_, w.bytes(s)));
        f.strings = w.builder_.CreateVector(list);
      }
      void operator()(const Type& v) const { f.value_type = w.write_type(v); }
    };
    AttributeFields f;
    std::visit(Visitor{*this, ids, f}, a.data);
    return format::CreateAttribute(builder_, text(a.name), a.type(), f.i, f.f, f.s, f.tensor, f.graph, f.ints,
                                   f.floats, f.strings, f.value_type);
  }

  // The order in which the reader makes values: what was read is written as it was.
  static std::vector<ValueId> canonical_order(const Graph& g) {
    std::vector<ValueId> order = g.inputs();
    for (const Capture& c : g.captures()) order.push_back(c.inner);
    for (ValueId v = 0; v < g.value_limit(); ++v)
      if (g.has_value(v) && g.value(v).constant) order.push_back(v);
    for (const NodeId id : g.nodes())
      for (const ValueId v : g.node(id).outputs)
        if (v != HRT_NONE) order.push_back(v);
    return order;
  }

  // outer: by value id of the graph around, its index in the file.
  fb::Offset<format::Graph> write_graph(const Graph& g, const std::vector<uint32_t>* outer) {
    std::vector<uint32_t> ids(g.value_limit(), HRT_NONE);
    std::vector<fb::Offset<format::Value>> values;
    for (const ValueId v : canonical_order(g)) {
      const ValueDef& def = g.value(v);
      ids[v] = uint32_t(values.size());
      const auto type = write_type(def.type);
      const auto data = def.constant ? write_data(*def.constant) : fb::Offset<format::Data>();
      values.push_back(format::CreateValue(builder_, text(def.name), type, data));
    }
    auto mapped = [&](const std::vector<ValueId>& list) {
      std::vector<uint32_t> out;
      for (const ValueId v : list) out.push_back(v == HRT_NONE ? HRT_NONE : ids[v]);
      return builder_.CreateVector(out);
    };
    std::vector<uint32_t> captures_outer, captures_inner;
    for (const Capture& c : g.captures()) {
      captures_outer.push_back((*outer)[c.outer]);
      captures_inner.push_back(ids[c.inner]);
    }
    std::vector<fb::Offset<format::Node>> nodes;
    for (const NodeId id : g.nodes()) {
      const Node& n = g.node(id);
      std::vector<fb::Offset<format::Attribute>> attributes;
      for (const Attribute& a : n.attributes) attributes.push_back(write_attribute(a, ids));
      const auto domain = text(n.domain), op = text(n.op), name = text(n.name);
      const auto inputs = mapped(n.inputs), outputs = mapped(n.outputs);
      nodes.push_back(
          format::CreateNode(builder_, domain, op, name, inputs, outputs, builder_.CreateVector(attributes)));
    }
    const auto name = text(g.name());
    const auto value_list = builder_.CreateVector(values);
    const auto inputs = mapped(g.inputs()), outputs = mapped(g.outputs());
    const auto names = builder_.CreateVectorOfStrings(g.output_names());
    const auto out = builder_.CreateVector(captures_outer), in = builder_.CreateVector(captures_inner);
    return format::CreateGraph(builder_, name, value_list, inputs, outputs, names, out, in,
                               builder_.CreateVector(nodes));
  }

  const size_t symbols_;
  fb::FlatBufferBuilder builder_;
  std::vector<std::pair<uint64_t, std::span<const std::byte>>> segments_;
  std::map<std::pair<const void*, size_t>, uint64_t> offsets_;
  uint64_t data_size_ = 0;
};

}  // namespace

void write_hrt_file(const Graph& graph, const std::filesystem::path& path) { Writer(graph).save(path); }

}  // namespace hrt
