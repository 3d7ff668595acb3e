// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <map>

#include "core/base/checked.h"
#include "core/base/hash.h"
#include "core/format/hrt_file.h"
#include "core/format/layout.h"
#include "core/format/model_generated.h"
#include "core/graph/transaction.h"

namespace hrt {
namespace {

namespace fb = flatbuffers;

constexpr int kMaxDepth = 32;  // of bodies in bodies, and of types in types

template <class... A>
[[noreturn]] void bad(fmt::format_string<A...> format, A&&... args) {
  fail(HRT_ERROR_BAD_DATA, format, std::forward<A>(args)...);
}

FileHeader read_header(std::span<const std::byte> file) {
  FileHeader h;
  if (file.size() < sizeof(h)) bad("the file is cut off: {} bytes are less than a header", file.size());
  std::memcpy(&h, file.data(), sizeof(h));
  if (h.version != kVersion)
    fail(HRT_ERROR_UNSUPPORTED, "the file has layout version {}, this runtime reads {}", h.version, kVersion);
  if (h.checksum != xxh3(file.first(offsetof(FileHeader, checksum)))) bad("the header is damaged (checksum)");
  if (checked_add(h.model_offset, h.model_size) > h.data_offset || h.model_offset < sizeof(h) ||
      h.model_offset % 64 != 0 || h.data_offset % 4096 != 0 ||
      checked_add(h.data_offset, h.data_size) != file.size())
    bad("the file is cut off or its header lies: {} bytes, data from {} of {}", file.size(), h.data_offset,
        h.data_size);
  return h;
}

class Reader {
 public:
  Reader(std::shared_ptr<const MappedFile> file, const FileHeader& h)
      : file_(std::move(file)), data_(file_->bytes().subspan(h.data_offset, h.data_size)) {
    const auto model = file_->bytes().subspan(h.model_offset, h.model_size);
    if (xxh3(model) != h.model_checksum) bad("the model's description is damaged (checksum)");
    // The writer shares no tables, and each takes at least four bytes: a file in which many places point to
    // the same ones would grow without limit as it is read.
    fb::Verifier verifier(reinterpret_cast<const uint8_t*>(model.data()), model.size(),
                          /*max_depth=*/4 * kMaxDepth,
                          /*max_tables=*/fb::uoffset_t(std::min<size_t>(model.size() / 4, UINT32_MAX)));
    if (!format::VerifyModelBuffer(verifier)) bad("the model's description is not a valid FlatBuffer");
    budget_ = checked_add(checked_mul(uint64_t(model.size()), uint64_t(16)), uint64_t(1) << 20);
    model_ = format::GetModel(model.data());
  }

  std::unique_ptr<Graph> read() {
    auto graph = std::make_unique<Graph>();
    Transaction t(*graph);
    if (model_->symbols()) {
      if (model_->symbols()->size() > (1u << 20)) bad("{} symbolic dimensions", model_->symbols()->size());
      for (const auto* s : *model_->symbols()) symbols_.push_back(t.symbol(text(s)));
    }
    if (model_->opsets())
      for (const auto* o : *model_->opsets()) t.set_opset(text(o->domain()), o->version());
    if (model_->metadata())
      for (const auto* m : *model_->metadata()) t.set_metadata(text(m->key()), text(m->value()));
    read_graph(t, *model_->graph(), nullptr, 0);
    t.commit();
    verify_structure(*graph);
    return graph;
  }

 private:
  // Strings may be shared (names of operators are): what they amount to when copied is limited.
  void spend(uint64_t bytes) const {
    if (bytes > budget_) bad("the model's description says far more than it has bytes");
    budget_ -= bytes;
  }
  template <class T>
  std::vector<T> list(const fb::Vector<T>* v) const {
    if (!v) return {};
    spend(uint64_t(v->size()) * sizeof(T));
    // Copied as bytes: a liar's vector need not be aligned to its elements, the verifier does not look.
    std::vector<T> out(v->size());
    if (!out.empty()) std::memcpy(out.data(), v->Data(), out.size() * sizeof(T));
    return out;
  }
  std::string text(const fb::String* s) const {
    if (!s) return {};
    spend(s->size());
    return s->str();
  }
  std::string text(const fb::Vector<uint8_t>* v) const {
    if (!v) return {};
    spend(v->size());
    return {reinterpret_cast<const char*>(v->data()), v->size()};
  }

  int64_t dim(int64_t d) const {
    if (is_number(d) || d == HRT_DIM_UNKNOWN) return d;
    const auto index = uint64_t(d - HRT_DIM_UNKNOWN) - 1;
    return index < symbols_.size() ? symbols_[index] : HRT_DIM_UNKNOWN;
  }

  Type read_type(const format::Type& t, int depth) const {
    if (depth > kMaxDepth) bad("types are nested too deeply");
    std::vector<int64_t> dims = list(t.dims());
    for (int64_t& d : dims) d = dim(d);
    hrt_type c{sizeof(hrt_type), t.kind(), t.dtype(), t.rank(), dims.data(), nullptr};
    if (t.kind() == HRT_KIND_TENSOR && t.rank() >= 0 && size_t(t.rank()) != dims.size())
      bad("a type has rank {} and {} dimensions", t.rank(), dims.size());
    Type element;
    if (t.element()) {
      element = read_type(*t.element(), depth + 1);
      c.element = &element.c();
    }
    return Type::from_c(c);
  }

  Tensor read_data(const format::Data& d) const {
    if (d.dtype() <= HRT_UNDEFINED || d.dtype() >= HRT_DTYPE_COUNT)
      bad("a tensor has element type {}", d.dtype());
    Dims dims = list(d.dims());
    if (dims.size() > HRT_MAX_RANK) bad("a tensor has rank {}", dims.size());
    if (d.dtype() == HRT_STRING) {
      if (element_count(dims) != (d.strings() ? d.strings()->size() : 0))
        bad("a tensor of strings lacks some");
      Tensor t = Tensor::allocate(HRT_STRING, std::move(dims));
      for (uint64_t i = 0; i < t.size(); ++i) t.set_string(i, text(d.strings()->Get(uint32_t(i))->bytes()));
      return t;
    }
    const uint64_t bytes = tensor_bytes(d.dtype(), dims);
    if (bytes != d.bytes() || d.offset() % kAlignment != 0 || checked_add(d.offset(), bytes) > data_.size())
      bad("a tensor of {} bytes lies at {}, outside the data or not aligned", d.bytes(), d.offset());
    const auto segment = data_.subspan(d.offset(), bytes);
    if (checksum_of(segment) != d.checksum()) bad("the bytes of a tensor are damaged (checksum)");
    return Tensor::view(d.dtype(), std::move(dims), segment.data(), file_);
  }

  // Segments are the same or apart, so each byte is looked at once.
  uint64_t checksum_of(std::span<const std::byte> segment) const {
    const auto [it, fresh] = checksums_.try_emplace({segment.data(), segment.size()}, 0);
    if (fresh) {
      checked_ += segment.size();
      if (checked_ > data_.size()) bad("tensors overlap each other");
      it->second = xxh3(segment);
    }
    return it->second;
  }

  Attribute read_attribute(const format::Attribute& a) const {
    const std::string name = text(a.name());
    switch (a.type()) {
      case HRT_ATTR_INT: return {name, a.i()};
      case HRT_ATTR_FLOAT: return {name, a.f()};
      case HRT_ATTR_STRING: return {name, text(a.s())};
      case HRT_ATTR_INTS: return {name, list(a.ints())};
      case HRT_ATTR_FLOATS: return {name, list(a.floats())};
      case HRT_ATTR_TENSOR:
        if (!a.tensor()) bad("attribute {} lacks its tensor", name);
        return {name, std::make_shared<const TensorView>(read_data(*a.tensor()))};
      case HRT_ATTR_TYPE:
        if (!a.value_type()) bad("attribute {} lacks its type", name);
        return {name, read_type(*a.value_type(), 0)};
      case HRT_ATTR_STRINGS: {
        std::vector<std::string> texts;
        if (a.strings())
          for (const auto* s : *a.strings()) texts.push_back(text(s->bytes()));
        return {name, std::make_shared<const StringList>(std::move(texts))};
      }
      default: bad("attribute {} has the unknown type {}", name, a.type());
    }
  }

  // Makes values as their sources come by: inputs, captures and constants first, then nodes' outputs.
  void read_graph(Transaction& t, const format::Graph& g, const std::vector<ValueId>* outer, int depth) {
    if (depth > kMaxDepth) bad("bodies are nested too deeply");
    const auto& values = *g.values();
    std::vector<ValueId> ids(values.size(), HRT_NONE);
    auto entry = [&](uint32_t index) -> const format::Value& {
      if (index >= values.size()) bad("graph \"{}\" has no value {}", text(g.name()), index);
      return *values[index];
    };
    auto fresh = [&](uint32_t index) -> ValueId& {
      if (ids[index] != HRT_NONE) bad("value \"{}\" has two sources", values[index]->name()->str());
      return ids[index];
    };
    t.set_name(text(g.name()));
    for (const uint32_t v : list(g.inputs())) {
      const auto& value = entry(v);
      fresh(v) = t.add_input(text(value.name()), read_type(*value.type(), 0));
    }
    const auto captures_outer = list(g.captures_outer()), captures_inner = list(g.captures_inner());
    if (captures_outer.size() != captures_inner.size() || (!outer && !captures_outer.empty()))
      bad("captures do not pair up");
    for (size_t i = 0; i < captures_outer.size(); ++i) {
      entry(captures_inner[i]);
      if (captures_outer[i] >= outer->size() || (*outer)[captures_outer[i]] == HRT_NONE)
        bad("a capture of a value that is not there");
      fresh(captures_inner[i]) = t.add_capture((*outer)[captures_outer[i]]);
    }
    for (uint32_t v = 0; v < values.size(); ++v)
      if (values[v]->constant())
        fresh(v) = t.add_constant(text(values[v]->name()),
                                  std::make_shared<Tensor>(read_data(*values[v]->constant())));
    if (g.nodes())
      for (const auto* n : *g.nodes()) read_node(t, *n, values, ids, depth);
    std::vector<ValueId> outputs;
    for (const uint32_t v : list(g.outputs())) outputs.push_back(lookup(ids, v));
    std::vector<std::string> names;
    if (g.output_names())
      for (const auto* s : *g.output_names()) names.push_back(text(s));
    t.set_outputs(std::move(outputs));
    t.set_output_names(std::move(names));
  }

  static ValueId lookup(const std::vector<ValueId>& ids, uint32_t index) {
    if (index == HRT_NONE) return HRT_NONE;
    if (index >= ids.size() || ids[index] == HRT_NONE)
      bad("a node or output uses value {} before it is there", index);
    return ids[index];
  }

  using Values = fb::Vector<fb::Offset<format::Value>>;
  void read_node(Transaction& t, const format::Node& n, const Values& values, std::vector<ValueId>& ids,
                 int depth) {
    std::vector<ValueId> inputs;
    for (const uint32_t v : list(n.inputs())) inputs.push_back(lookup(ids, v));
    const std::vector<uint32_t> outs = list(n.outputs());
    std::vector<Transaction::Output> outputs;
    for (const uint32_t v : outs) {
      if (v != HRT_NONE && (v >= ids.size() || ids[v] != HRT_NONE))
        bad("an output of {} is no value, or has two sources", n.op()->str());
      outputs.push_back({v == HRT_NONE ? "" : text(values[v]->name()), v != HRT_NONE});
    }
    std::vector<Attribute> attributes;
    if (n.attributes())
      for (const auto* a : *n.attributes())
        if (a->type() != HRT_ATTR_GRAPH) attributes.push_back(read_attribute(*a));
    const NodeId id = t.add_node(text(n.domain()), text(n.op()), text(n.name()), std::move(inputs),
                                 std::move(outputs), std::move(attributes));
    if (n.attributes()) {
      for (const auto* a : *n.attributes()) {
        if (a->type() != HRT_ATTR_GRAPH) continue;
        if (!a->graph()) bad("attribute {} lacks its graph", a->name()->str());
        read_graph(t.add_body(id, text(a->name()), ""), *a->graph(), &ids, depth + 1);
      }
    }
    for (size_t i = 0; i < outs.size(); ++i) {
      if (outs[i] == HRT_NONE) continue;
      if (ids[outs[i]] != HRT_NONE) bad("an output of {} is there twice", n.op()->str());
      ids[outs[i]] = t.graph().node(id).outputs[i];
      t.declare_type(ids[outs[i]], read_type(*values[outs[i]]->type(), 0));
    }
  }

  std::shared_ptr<const MappedFile> file_;
  std::span<const std::byte> data_;
  const format::Model* model_ = nullptr;
  mutable uint64_t budget_ = 0;
  mutable std::map<std::pair<const std::byte*, size_t>, uint64_t> checksums_;
  mutable uint64_t checked_ = 0;
  std::vector<int64_t> symbols_;
};

}  // namespace

bool is_hrt_file(std::span<const std::byte> start) {
  return start.size() >= sizeof(kMagic) && std::memcmp(start.data(), kMagic, sizeof(kMagic)) == 0;
}

std::unique_ptr<Graph> read_hrt_file(const std::shared_ptr<const MappedFile>& file) {
  return with_context(file->path().string(), [&] {
    if (!is_hrt_file(file->bytes())) bad("not an .hrt file");
    const FileHeader header = read_header(file->bytes());
    file->populate();  // the checksums read all of it
    return Reader(file, header).read();
  });
}

}  // namespace hrt
