// SPDX-License-Identifier: Apache-2.0
// Operators that make a tensor from a shape: Shape, Size, ConstantOfShape, EyeLike. They cost nothing;
// elsewhere each would cut a subgraph in two.
#include <array>
#include <cstring>
#include <optional>

#include "backends/cpu/op.h"

namespace hrt::cpu {
namespace {

std::string anything(const Node&) { return ""; }

// A step that copies numbers known now into the output.
Step write_step(std::vector<int64_t> values) {
  return {[values = std::move(values)](const Buffers& b) {
    std::copy(values.begin(), values.end(), b.output<int64_t>(0));
  }};
}

// start and end beyond the rank are clamped.
Compiled compile_shape(const Node& node) {
  Compiled c;
  c.prepare = [start = node.i("start"), end = node.i("end", INT64_MAX)](const Signature& sig) {
    const Dims& dims = sig.in[0].dims;
    const int64_t rank = int64_t(dims.size());
    const auto clamp = [&](int64_t axis) {
      return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
    };
    const int64_t first = clamp(start), last = std::max(first, clamp(end));
    return write_step(Dims(dims.begin() + first, dims.begin() + last));
  };
  return c;
}

Compiled compile_size(const Node&) {
  Compiled c;
  c.prepare = [](const Signature& sig) { return write_step({sig.in[0].count()}); };
  return c;
}

// One element, up to 8 bytes, into all n.
void fill(void* y, const std::array<std::byte, 8>& value, size_t width, int64_t n) {
  const auto run = [&]<class T>(T v) {
    std::memcpy(&v, value.data(), sizeof v);
    T* to = static_cast<T*>(y);
    parallel(ceil_div(n, 1024), 1024 * 0.02 * double(sizeof v), [&](int64_t begin, int64_t end) {
      std::fill(to + begin * 1024, to + std::min(end * 1024, n), v);
    });
  };
  switch (width) {
    case 1: return run(uint8_t{});
    case 2: return run(uint16_t{});
    case 4: return run(uint32_t{});
    default: return run(uint64_t{});
  }
}

std::string supports_constant(const Node& node) {
  return dtype_bytes(Value(node.graph(), node.output(0)).dtype()) <= 8 ? "" : "elements of 16 bytes";
}

Compiled compile_constant(const Node& node) {
  std::array<std::byte, 8> value = {};  // 0 without the attribute
  if (const auto t = node.tensor("value")) {
    require(t->size() == 1, "attribute value must have one element");
    std::memcpy(value.data(), t->raw(), dtype_bytes(t->dtype()));
  }
  Compiled c;
  c.prepare = [value](const Signature& sig) -> Step {
    return {[value, width = dtype_bytes(sig.out[0].dtype), n = sig.out[0].count()](const Buffers& b) {
      fill(b.out[0], value, width, n);
    }};
  };
  return c;
}

// The bits of 1.
std::optional<uint64_t> one_of(hrt_dtype t) {
  switch (t) {
    case HRT_FLOAT16: return 0x3c00;
    case HRT_BFLOAT16: return 0x3f80;
    case HRT_FLOAT32: return 0x3f800000;
    case HRT_FLOAT64: return 0x3ff0000000000000;
    case HRT_BOOL:
    case HRT_INT8:
    case HRT_UINT8:
    case HRT_INT16:
    case HRT_UINT16:
    case HRT_INT32:
    case HRT_UINT32:
    case HRT_INT64:
    case HRT_UINT64: return 1;
    default: return std::nullopt;
  }
}

std::string supports_eye(const Node& node) {
  const hrt_dtype t = Value(node.graph(), node.output(0)).dtype();
  return one_of(t) ? "" : sdk::cat("dtype ", dtype_name(t));
}

Compiled compile_eye(const Node& node) {
  Compiled c;
  c.prepare = [k = node.i("k")](const Signature& sig) -> Step {
    require(sig.in[0].rank() == 2, "the input must be a matrix, has shape ", sig.in[0].dims);
    const int64_t rows = sig.in[0].dims[0], columns = sig.in[0].dims[1];
    // The diagonal: elements (i, i + k).
    const int64_t first = k < 0 ? std::min(rows, -std::max(k, -rows)) : 0;
    const int64_t last = std::max(first, std::min(rows, columns - std::clamp(k, -rows, columns)));
    const hrt_dtype t = sig.out[0].dtype;
    return {[=, one = *one_of(t), width = dtype_bytes(t)](const Buffers& b) {
      std::byte* y = b.output<std::byte>(0);
      std::memset(y, 0, size_t(rows * columns) * width);
      for (int64_t i = first; i < last; ++i)
        std::memcpy(y + size_t(i * columns + i + k) * width, &one, width);  // little-endian
    }};
  };
  return c;
}

constexpr Op kOps[] = {{"", "Shape", anything, compile_shape},
                       {"", "Size", anything, compile_size},
                       {"", "ConstantOfShape", supports_constant, compile_constant},
                       {"", "EyeLike", supports_eye, compile_eye}};

}  // namespace

std::span<const Op> fill_ops() { return kOps; }

}  // namespace hrt::cpu
