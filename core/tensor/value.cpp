// SPDX-License-Identifier: Apache-2.0
#include "core/tensor/value.h"

namespace hrt {

ValuePtr make_value(Tensor tensor) {
  auto v = std::make_shared<hrt_value>();
  v->type = tensor.type();
  v->tensor = std::move(tensor);
  return v;
}

ValuePtr make_sequence(Type element, const std::vector<ValuePtr>& items) {
  auto v = std::make_shared<hrt_value>();
  v->type = Type::sequence(std::move(element));
  for (const ValuePtr& item : items) v->items.push_back(own(item));
  return v;
}

ValuePtr make_optional(Type element, const ValuePtr& item_or_null) {
  auto v = std::make_shared<hrt_value>();
  v->type = Type::optional(std::move(element));
  if (item_or_null) v->items.push_back(own(item_or_null));
  return v;
}

ValuePtr own(const ValuePtr& value) {
  // Containers own what they hold from the start; only a tensor can be borrowed.
  return value->borrowed ? make_value(Tensor::copy_of(value->tensor.c())) : value;
}

}  // namespace hrt
