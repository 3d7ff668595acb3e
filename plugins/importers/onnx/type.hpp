// SPDX-License-Identifier: Apache-2.0
// TypeProto as hrt_type.
#pragma once

#include <functional>
#include <memory>

#include "proto.hpp"

namespace hrt::importer {

// A type and everything it points to.
class Type {
 public:
  Type() = default;
  explicit Type(sdk::TensorType t) : kind_(HRT_KIND_TENSOR), tensor_(std::move(t)) {}
  Type(hrt_kind kind, Type element, hrt_dtype key = HRT_UNDEFINED)
      : kind_(kind), tensor_(key), element_(std::make_unique<Type>(std::move(element))) {}

  const hrt_type& c();  // lives until this is changed, moved or destroyed

 private:
  hrt_kind kind_ = HRT_KIND_TENSOR;
  sdk::TensorType tensor_;  // dtype and dims; of a map: the key type
  std::unique_ptr<Type> element_;
  hrt_type c_ = {};
};

// What a dimension without a number becomes; name is "" when it has none. Empty: shapes are left out.
using SymbolFn = std::function<int64_t(const std::string& name)>;

// Throws for what is malformed (element types that do not exist, negative dimensions) and for sparse and
// opaque values, which the runtime does not have.
Type convert_type(const onnx::TypeProto& type, const SymbolFn& symbol);

// The element type, checked; the numbers are the same.
hrt_dtype checked_dtype(int32_t onnx_type);

}  // namespace hrt::importer
