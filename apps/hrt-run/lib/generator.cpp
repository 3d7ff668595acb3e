// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/generator.h"

#include <array>

#include "apps/hrt-run/lib/numbers.h"
#include "core/base/error.h"

namespace hrt {
namespace {

const Type& with_known_shape(const Type& type) {
  if (type.dtype() == HRT_UNDEFINED) fail(HRT_ERROR_USAGE, "the input has no declared element type");
  if (!type.is_static()) fail(HRT_ERROR_USAGE, "the shape {} is not known; see --shape", to_string(type));
  return type;
}

}  // namespace

double Generator::normal() {
  constexpr int kParts = 12;
  int64_t sum = 0;
  for (int i = 0; i < kParts; i += 4)
    for (uint64_t bits = engine_(), k = 0; k < 4; ++k, bits >>= 16) sum += int64_t(bits & 0xffff);
  return (double(sum) + kParts * 0.5) / 65536 - kParts / 2.0;
}

Tensor Generator::tensor(const Type& type) {
  with_known_shape(type);
  Tensor tensor = Tensor::allocate(type.dtype(), Dims(type.dims().begin(), type.dims().end()));
  if (type.dtype() == HRT_STRING) {
    for (uint64_t i = 0; i < tensor.size(); ++i) {
      std::string text(4, ' ');
      for (char& c : text) c = char('a' + engine_() % 26);
      tensor.set_string(i, text);
    }
    return tensor;
  }
  const bool real =
      dtype_is_float(type.dtype()) || dtype_bits(type.dtype()) > 64 || type.dtype() == HRT_COMPLEX64;
  const uint64_t range = dtype_bits(type.dtype()) == 8 && type.dtype() != HRT_BOOL ? 256 : 2;
  const double low = type.dtype() == HRT_INT8 ? -128 : 0;
  const uint64_t count = number_count(tensor);
  for (uint64_t i = 0; i < count; ++i) {
    const double number = real ? normal() : low + double(engine_() % range);
    write_numbers(tensor, i, {&number, 1});
  }
  return tensor;
}

ValuePtr Generator::value(const Type& type) {
  switch (type.kind()) {
    case HRT_KIND_TENSOR: return make_value(tensor(type));
    case HRT_KIND_SEQUENCE: return make_sequence(type.element(), {value(type.element())});
    case HRT_KIND_OPTIONAL: return make_optional(type.element(), value(type.element()));
    default: fail(HRT_ERROR_UNSUPPORTED, "no value can be made up for {}", to_string(type));
  }
}

ValuePtr zeros(const Type& type) {
  switch (type.kind()) {
    case HRT_KIND_TENSOR: {
      const auto dims = with_known_shape(type).dims();
      return make_value(Tensor::allocate(type.dtype(), Dims(dims.begin(), dims.end())));
    }
    case HRT_KIND_SEQUENCE: return make_sequence(type.element(), {});
    case HRT_KIND_OPTIONAL: return make_optional(type.element(), nullptr);
    default: fail(HRT_ERROR_UNSUPPORTED, "no value can be made up for {}", to_string(type));
  }
}

}  // namespace hrt
