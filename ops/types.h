// SPDX-License-Identifier: Apache-2.0
// Types of sequences, optionals and whatever nested bodies give: copies that own what they point to.
#pragma once

#include <memory>

#include "op.h"

namespace hrt::ops {

class TypeTree {
 public:
  explicit TypeTree(const hrt_type& t) : c_(t) {
    c_.struct_size = sizeof(hrt_type);
    if (t.kind == HRT_KIND_TENSOR && t.rank > 0) dims_.assign(t.dims, t.dims + t.rank);
    if (t.element) element_ = std::make_unique<TypeTree>(*t.element);
  }
  explicit TypeTree(const TensorType& t) : TypeTree(t.c()) {}
  static TypeTree sequence(const TypeTree& element) { return wrap(HRT_KIND_SEQUENCE, element); }
  static TypeTree optional(const TypeTree& element) { return wrap(HRT_KIND_OPTIONAL, element); }

  TypeTree(const TypeTree& other) : TypeTree(other.c()) {}
  TypeTree& operator=(const TypeTree& other) {
    c_ = other.c_;
    dims_ = other.dims_;
    element_ = other.element_ ? std::make_unique<TypeTree>(*other.element_) : nullptr;
    return *this;
  }

  const hrt_type& c() const {  // valid until this object changes
    c_.dims = dims_.data();
    c_.element = element_ ? &element_->c() : nullptr;
    return c_;
  }
  bool operator==(const TypeTree& o) const {
    if (c_.kind != o.c_.kind || c_.dtype != o.c_.dtype || c_.rank != o.c_.rank || dims_ != o.dims_)
      return false;
    return element_ && o.element_ ? *element_ == *o.element_ : !element_ == !o.element_;
  }

  hrt_kind kind() const { return c_.kind; }

  // Forgets what does not hold for `other` too: dims that differ, ranks that differ. Kinds and element
  // types must agree; of two element types one may still be unknown.
  void join(const TypeTree& other) {
    require(c_.kind == other.c_.kind, "values of different kinds meet");
    if (c_.dtype == HRT_UNDEFINED) c_.dtype = other.c_.dtype;
    require(other.c_.dtype == HRT_UNDEFINED || c_.dtype == other.c_.dtype, dtype_name(c_.dtype), " and ",
            dtype_name(other.c_.dtype), " meet");
    if (element_ && other.element_) element_->join(*other.element_);
    if (c_.rank != other.c_.rank) return forget_rank();
    for (size_t i = 0; i < dims_.size(); ++i)
      if (dims_[i] != other.dims_[i]) dims_[i] = HRT_DIM_UNKNOWN;
  }
  void forget_shape() {
    forget_rank();
    if (element_) element_->forget_shape();
  }

 private:
  static TypeTree wrap(hrt_kind kind, const TypeTree& element) {
    auto t = sized<hrt_type>();
    t.kind = kind;
    t.element = &element.c();
    return TypeTree(t);
  }
  void forget_rank() {
    c_.rank = -1;
    dims_.clear();
  }

  mutable hrt_type c_;
  Dims dims_;
  std::unique_ptr<TypeTree> element_;
};

// The element type of a sequence or optional input; nullptr when it is not known.
inline const hrt_type* element_of(const Infer& c, uint32_t i) {
  const hrt_type* t = c.type(i);
  return t ? t->element : nullptr;
}

}  // namespace hrt::ops
