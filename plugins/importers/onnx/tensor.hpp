// SPDX-License-Identifier: Apache-2.0
// TensorProto as dense elements, in the packing of hrt_tensor, copied only where the message holds them
// in another form.
#pragma once

#include <memory>

#include "proto.hpp"

namespace hrt::importer {

// Dense elements and what keeps them alive.
struct Dense {
  hrt_dtype dtype = HRT_UNDEFINED;
  sdk::Dims dims;
  const void* data = nullptr;
  size_t bytes = 0;
  std::shared_ptr<const void> owner;

  hrt_tensor c() const;
};

// What keeps a message alive, or nothing: then its bytes may be moved out of it, which lets each weight
// be dropped by itself.
using Owner = std::shared_ptr<const void>;

// Throws when sizes, ranges or counts do not fit the shape. Not for external data.
Dense decode(onnx::TensorProto& tensor, const Owner& owner);

// A sparse tensor, expanded with zeros.
Dense decode(onnx::SparseTensorProto& sparse);

// Where an external tensor lies, checked against its shape.
struct External {
  hrt_dtype dtype = HRT_UNDEFINED;
  sdk::Dims dims;
  std::string location;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};
bool is_external(const onnx::TensorProto& tensor);
External external(const onnx::TensorProto& tensor);

}  // namespace hrt::importer
