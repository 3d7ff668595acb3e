// SPDX-License-Identifier: Apache-2.0
#include "value.hpp"

#include <climits>
#include <cstring>

#include <hrt/map.hpp>

#include "tensor.hpp"

namespace hrt::importer {

using namespace sdk;

namespace {

void fill(const hrt_tensor& out, const Dense& in) {
  if (in.dtype == HRT_STRING) {
    const auto* strings = static_cast<const hrt_str*>(in.data);
    for (size_t i = 0; i < in.bytes / sizeof(hrt_str); ++i)
      Tensor(out).set_string(int64_t(i), {strings[i].data, strings[i].size});
  } else if (in.bytes > 0) {
    std::memcpy(out.data, in.data, in.bytes);
  }
}

// Values inside of others are temporaries of the kernel call. type: what is declared, NULL when nothing is.
class Reader {
 public:
  explicit Reader(hrt_kernel* kernel) : kernel_(kernel) {}

  const hrt_value* tensor(onnx::TensorProto& proto) {
    const Dense dense = decode(proto, {});
    hrt_value* value = nullptr;
    check(g_host.kernel->make_tensor(kernel_, dense.dtype, int32_t(dense.dims.size()), dense.dims.data(),
                                     &value));
    auto out = sized<hrt_tensor>();
    check(g_host.kernel->value_tensor(value, &out));
    fill(out, dense);
    return value;
  }

  const hrt_value* sequence(onnx::SequenceProto& proto, const hrt_type* type) {
    const hrt_type* element = element_of(type, HRT_KIND_SEQUENCE);
    std::vector<const hrt_value*> values;
    using S = onnx::SequenceProto;
    switch (proto.elem_type()) {
      case S::UNDEFINED: break;
      case S::TENSOR:
        for (auto& t : *proto.mutable_tensor_values()) values.push_back(tensor(t));
        break;
      case S::SEQUENCE:
        for (auto& s : *proto.mutable_sequence_values()) values.push_back(sequence(s, element));
        break;
      case S::OPTIONAL:
        for (auto& o : *proto.mutable_optional_values()) values.push_back(optional(o, element));
        break;
      case S::MAP:
        for (auto& m : *proto.mutable_map_values()) values.push_back(map(m, element));
        break;
      default: unsupported("sequences of sparse tensors are not supported");
    }
    const hrt_type made = element          ? *element
                          : values.empty() ? TensorType().c()
                                           : *g_host.kernel->value_type(values[0]);
    hrt_value* value = nullptr;
    check(g_host.kernel->make_sequence(kernel_, &made, values.data(), values.size(), &value));
    return value;
  }

  const hrt_value* optional(onnx::OptionalProto& proto, const hrt_type* type) {
    const hrt_type* element = element_of(type, HRT_KIND_OPTIONAL);
    const hrt_value* inside = nullptr;
    if (proto.has_tensor_value()) inside = tensor(*proto.mutable_tensor_value());
    if (proto.has_sequence_value()) inside = sequence(*proto.mutable_sequence_value(), element);
    if (proto.has_optional_value()) inside = optional(*proto.mutable_optional_value(), element);
    if (proto.has_map_value()) inside = map(*proto.mutable_map_value(), element);
    if (proto.has_sparse_tensor_value()) unsupported("optional sparse tensors are not supported");
    const hrt_type made = element ? *element : inside ? *g_host.kernel->value_type(inside) : TensorType().c();
    hrt_value* value = nullptr;
    check(g_host.kernel->make_optional(kernel_, &made, inside, &value));
    return value;
  }

  const hrt_value* map(onnx::MapProto& proto, const hrt_type* type) {
    const hrt_type* element = element_of(type, HRT_KIND_MAP);
    const hrt_value* keys = keys_of(proto);
    require(!type || type->dtype == Kernel::tensor_of(keys).dtype(),
            "the map's keys are not of the declared type");
    std::vector<const hrt_value*> values;
    for (auto& t : *proto.mutable_values()->mutable_tensor_values()) values.push_back(tensor(t));
    const hrt_type made = element          ? *element
                          : values.empty() ? TensorType().c()
                                           : *g_host.kernel->value_type(values[0]);
    return make_map(kernel_, keys, made, values);
  }

 private:
  // Keys are strings, or integers that are all stored in 64 bits.
  const hrt_value* keys_of(const onnx::MapProto& proto) {
    onnx::TensorProto keys;
    keys.set_data_type(proto.key_type());
    const bool strings = proto.key_type() == onnx::TensorProto::STRING;
    keys.add_dims(strings ? proto.string_keys_size() : proto.keys_size());
    *keys.mutable_string_data() = proto.string_keys();
    if (proto.key_type() == onnx::TensorProto::INT64)
      *keys.mutable_int64_data() = proto.keys();
    else if (proto.key_type() == onnx::TensorProto::UINT64 || proto.key_type() == onnx::TensorProto::UINT32)
      keys.mutable_uint64_data()->Add(proto.keys().begin(), proto.keys().end());
    else
      keys.mutable_int32_data()->Add(proto.keys().begin(), proto.keys().end());
    return tensor(keys);
  }

  static const hrt_type* element_of(const hrt_type* type, hrt_kind kind) {
    require(!type || type->kind == kind, "the value is not of the declared type");
    return type ? type->element : nullptr;
  }

  hrt_kernel* kernel_;
};

void import_tensor(const void* data, uint64_t size, hrt_kernel* result) {
  onnx::TensorProto proto;
  parse(proto, data, size, "tensor");
  const Dense dense = decode(proto, {});
  auto out = sized<hrt_tensor>();
  check(g_host.kernel->output_tensor(result, 0, dense.dtype, int32_t(dense.dims.size()), dense.dims.data(),
                                     &out));
  fill(out, dense);
}

// A value as the message of its kind.
class Writer {
 public:
  static void tensor(const hrt_value* value, onnx::TensorProto& proto) {
    const Tensor t = Kernel::tensor_of(value);
    proto.set_data_type(t.dtype());
    proto.mutable_dims()->Add(t.dims().begin(), t.dims().end());
    if (t.dtype() != HRT_STRING) return proto.set_raw_data(t.raw(), t.bytes());
    for (int64_t i = 0; i < t.size(); ++i) proto.add_string_data(std::string(t.string(i)));
  }

  static void sequence(const hrt_value* value, onnx::SequenceProto& proto) {
    using S = onnx::SequenceProto;
    const hrt_kind kind = Kernel::type(value).element->kind;
    proto.set_elem_type(kind == HRT_KIND_TENSOR     ? S::TENSOR
                        : kind == HRT_KIND_SEQUENCE ? S::SEQUENCE
                        : kind == HRT_KIND_OPTIONAL ? S::OPTIONAL
                                                    : S::MAP);
    for (size_t i = 0; i < Kernel::count(value); ++i) {
      const hrt_value* item = Kernel::at(value, i);
      switch (Kernel::kind(item)) {
        case HRT_KIND_TENSOR: tensor(item, *proto.add_tensor_values()); break;
        case HRT_KIND_SEQUENCE: sequence(item, *proto.add_sequence_values()); break;
        case HRT_KIND_OPTIONAL: optional(item, *proto.add_optional_values()); break;
        default: unsupported("sequences of maps are not supported");
      }
    }
  }

  // An element type says that there is an element.
  static void optional(const hrt_value* value, onnx::OptionalProto& proto) {
    using O = onnx::OptionalProto;
    proto.set_elem_type(O::UNDEFINED);
    if (Kernel::count(value) == 0) return;
    const hrt_value* inside = Kernel::at(value, 0);
    switch (Kernel::kind(inside)) {
      case HRT_KIND_TENSOR:
        proto.set_elem_type(O::TENSOR);
        return tensor(inside, *proto.mutable_tensor_value());
      case HRT_KIND_SEQUENCE:
        proto.set_elem_type(O::SEQUENCE);
        return sequence(inside, *proto.mutable_sequence_value());
      case HRT_KIND_OPTIONAL:
        proto.set_elem_type(O::OPTIONAL);
        return optional(inside, *proto.mutable_optional_value());
      default: unsupported("optional maps are not supported");
    }
  }
};

// Calls fill(value, message), names the message and hands its bytes on.
template <class Message>
void write_message(const hrt_value* value, const char* name, void (*fill)(const hrt_value*, Message&),
                   hrt_write_fn write, void* user) {
  Message proto;
  fill(value, proto);
  if (*name) proto.set_name(name);
  if (proto.ByteSizeLong() > INT_MAX) unsupported("the value is larger than protobuf's 2 GiB");
  const std::string bytes = proto.SerializeAsString();
  check(write(user, bytes.data(), bytes.size()));
}

}  // namespace

void export_value(const hrt_value* value, const char* name, hrt_write_fn write, void* user) {
  switch (Kernel::kind(value)) {
    case HRT_KIND_TENSOR: return write_message(value, name, Writer::tensor, write, user);
    case HRT_KIND_SEQUENCE: return write_message(value, name, Writer::sequence, write, user);
    case HRT_KIND_OPTIONAL: return write_message(value, name, Writer::optional, write, user);
    default: unsupported("maps are not supported");
  }
}

void import_value(const void* data, uint64_t size, const hrt_type* type, hrt_kernel* result) {
  if (!type || type->kind == HRT_KIND_TENSOR) return import_tensor(data, size, result);
  Reader reader(result);
  const hrt_value* value = nullptr;
  if (type->kind == HRT_KIND_SEQUENCE) {
    onnx::SequenceProto proto;
    parse(proto, data, size, "sequence");
    value = reader.sequence(proto, type);
  } else if (type->kind == HRT_KIND_OPTIONAL) {
    onnx::OptionalProto proto;
    parse(proto, data, size, "optional value");
    value = reader.optional(proto, type);
  } else {
    onnx::MapProto proto;
    parse(proto, data, size, "map");
    value = reader.map(proto, type);
  }
  check(g_host.kernel->output_value(result, 0, value));
}

}  // namespace hrt::importer
