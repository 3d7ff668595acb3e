// SPDX-License-Identifier: Apache-2.0
#include "type.hpp"

namespace hrt::importer {

using namespace sdk;

const hrt_type& Type::c() {
  c_ = tensor_.c();
  c_.kind = kind_;
  if (element_) c_.element = &element_->c();
  return c_;
}

hrt_dtype checked_dtype(int32_t t) {
  require(t > HRT_UNDEFINED && t < HRT_DTYPE_COUNT, "element type ", t, " does not exist");
  return t;
}

namespace {

Dims convert_shape(const onnx::TensorShapeProto& shape, const SymbolFn& symbol) {
  if (shape.dim_size() > HRT_MAX_RANK)
    unsupported("rank ", shape.dim_size(), " is above the limit of ", HRT_MAX_RANK);
  Dims dims;
  for (const auto& d : shape.dim()) {
    // -1 is how exporters before dim_param wrote "any".
    if (d.has_dim_value() && d.dim_value() != -1) {
      require(d.dim_value() >= 0, "dimension ", d.dim_value(), " is negative");
      dims.push_back(d.dim_value());
    } else {
      dims.push_back(symbol(checked_name(d.dim_param(), "dimension")));
    }
  }
  return dims;
}

Type convert_tensor(const onnx::TypeProto_Tensor& t, const SymbolFn& symbol) {
  const hrt_dtype dtype = checked_dtype(t.elem_type());
  if (!t.has_shape() || !symbol) return Type(TensorType(dtype));
  return Type(TensorType(dtype, convert_shape(t.shape(), symbol)));
}

}  // namespace

Type convert_type(const onnx::TypeProto& t, const SymbolFn& symbol) {
  switch (t.value_case()) {
    case onnx::TypeProto::kTensorType: return convert_tensor(t.tensor_type(), symbol);
    case onnx::TypeProto::kSequenceType:
      return Type(HRT_KIND_SEQUENCE, convert_type(t.sequence_type().elem_type(), symbol));
    case onnx::TypeProto::kOptionalType:
      return Type(HRT_KIND_OPTIONAL, convert_type(t.optional_type().elem_type(), symbol));
    case onnx::TypeProto::kMapType:
      return Type(HRT_KIND_MAP, convert_type(t.map_type().value_type(), symbol),
                  checked_dtype(t.map_type().key_type()));
    case onnx::TypeProto::kSparseTensorType: unsupported("sparse tensors are not supported as values");
    case onnx::TypeProto::kOpaqueType: unsupported("opaque types are not supported");
    case onnx::TypeProto::VALUE_NOT_SET: break;
  }
  return Type();
}

}  // namespace hrt::importer
