// SPDX-License-Identifier: Apache-2.0
// A run-time value: a tensor, or a sequence, optional or map of values. Immutable once made (but for
// the bytes of a tensor that its kernel is filling), shared by pointer. hrt_value is the ABI's handle.
#pragma once

#include <memory>
#include <vector>

#include "core/tensor/tensor.h"

struct hrt_value : std::enable_shared_from_this<hrt_value> {
  hrt::Type type;
  hrt::Tensor tensor;                                   // kind tensor
  std::vector<std::shared_ptr<const hrt_value>> items;  // sequence; optional: none or one; map: values
  hrt::Tensor keys;                                     // map: one key per item
  bool borrowed = false;  // the bytes lie in an arena that will be reused: copy to keep them
};

namespace hrt {

using ValuePtr = std::shared_ptr<const hrt_value>;

ValuePtr make_value(Tensor tensor);
ValuePtr make_sequence(Type element, const std::vector<ValuePtr>& items);
ValuePtr make_optional(Type element, const ValuePtr& item_or_null);
// The value itself, or a copy of it when its bytes (or those of something inside) are borrowed.
ValuePtr own(const ValuePtr& value);

}  // namespace hrt
