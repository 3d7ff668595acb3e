// SPDX-License-Identifier: Apache-2.0
// The type of a value: tensor with element type and (possibly symbolic) shape, sequence, optional, map.
// Immutable and cheap to copy; c() is the form that crosses the ABI and lives as long as any copy.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <hrt/plugin.h>
#include <hrt/dtype.hpp>

namespace hrt {

using Dims = std::vector<int64_t>;  // encoding: HRT_DIM_UNKNOWN and symbols, see plugin.h

inline bool is_number(int64_t dim) { return HRT_DIM_IS_NUMBER(dim); }
bool all_numbers(std::span<const int64_t> dims);

// Product of numeric dims; throws on overflow and on negative dims.
uint64_t element_count(std::span<const int64_t> dims);
// Bytes of a dense tensor; strings count as hrt_str each. Throws on overflow.
uint64_t tensor_bytes(hrt_dtype dtype, std::span<const int64_t> dims);

class Type {
 public:
  Type();                               // a tensor of which nothing is known
  static Type tensor(hrt_dtype dtype);  // unknown rank
  static Type tensor(hrt_dtype dtype, Dims dims);
  static Type sequence(Type element);
  static Type optional(Type element);
  static Type map(hrt_dtype key, Type value);
  // Copies what came over the ABI; throws HRT_ERROR_BAD_DATA when it makes no sense (rank, kind, depth).
  static Type from_c(const hrt_type& type);

  const hrt_type& c() const { return rep_->c; }
  hrt_kind kind() const { return rep_->c.kind; }
  bool is_tensor() const { return kind() == HRT_KIND_TENSOR; }
  hrt_dtype dtype() const { return rep_->c.dtype; }
  bool ranked() const { return rep_->c.rank >= 0; }
  std::span<const int64_t> dims() const { return rep_->dims; }
  const Type& element() const { return rep_->element.front(); }
  // A tensor (or nothing but tensors inside) whose every dimension is a number.
  bool is_static() const { return is_tensor() && ranked() && all_numbers(dims()); }

  bool operator==(const Type& other) const;

 private:
  struct Rep {
    hrt_type c{};
    Dims dims;
    std::vector<Type> element;  // zero or one: a Type cannot hold itself
  };
  explicit Type(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  static Type make(hrt_kind kind, hrt_dtype dtype, int32_t rank, Dims dims, std::vector<Type> element);

  std::shared_ptr<const Rep> rep_;
};

// What both say of the same value; where one knows less, the other's word. Throws when they contradict.
Type merge(const Type& a, const Type& b);
// What holds for either: dims and ranks that differ become unknown. Throws when kinds or dtypes differ.
Type join(const Type& a, const Type& b);

// "float32[1,3,?,224]", "seq(int64[])"; symbol: gives the name of a symbolic dimension, may be empty.
std::string to_string(const Type& type);
std::string dims_to_string(std::span<const int64_t> dims);  // "1x3x224x224", "scalar"

}  // namespace hrt
