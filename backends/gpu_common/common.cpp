// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstring>
#include <limits>

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

using sdk::cat;

uint64_t Operand::bytes() const {
  int64_t bytes = 0;
  if (__builtin_mul_overflow(count(), int64_t(dtype_bytes(dtype)), &bytes))
    fail("shape ", dims, " is too large");
  return uint64_t(bytes);
}

Dims Operand::known_ints() const {
  if (!present()) return {};
  require(known != nullptr, "a tensor of integers is not known before the run");
  auto t = sdk::sized<hrt_tensor>();
  t.dtype = dtype;
  t.rank = int32_t(dims.size());
  t.dims = dims.data();
  t.data = const_cast<void*>(known);
  t.bytes = size_t(bytes());
  return sdk::to_int64s(sdk::Tensor(t));
}

double Operand::known_number() const {
  require(present() && known != nullptr && count() == 1, "a number is not known before the run");
  switch (dtype) {
    case HRT_FLOAT32: return *static_cast<const float*>(known);
    case HRT_FLOAT64: return *static_cast<const double*>(known);
    case HRT_INT32: return *static_cast<const int32_t*>(known);
    case HRT_INT64: return double(*static_cast<const int64_t*>(known));
    case HRT_INT8: return *static_cast<const int8_t*>(known);
    case HRT_UINT8:
    case HRT_BOOL: return *static_cast<const uint8_t*>(known);
    case HRT_FLOAT16: return float(*static_cast<const float16*>(known));
    case HRT_BFLOAT16: return float(*static_cast<const bfloat16*>(known));
    default: unsupported("dtype ", dtype_name(dtype), " of a number");
  }
}

const char* type_variant(hrt_dtype t) {
  switch (t) {
    case HRT_FLOAT32: return "f32";
    case HRT_FLOAT16: return "f16";
    case HRT_FLOAT64: return "f64";
    case HRT_INT32: return "i32";
    case HRT_UINT32: return "u32";
    case HRT_INT64: return "i64";
    case HRT_UINT64: return "u64";
    case HRT_INT8: return "i8";
    case HRT_UINT8:
    case HRT_BOOL: return "u8";
    default: return nullptr;
  }
}

const char* size_variant(hrt_dtype t) {
  switch (dtype_bits(t)) {
    case 8: return "b1";
    case 16: return "b2";
    case 32: return "b4";
    case 64: return "b8";
    default: return nullptr;
  }
}

std::string storable(hrt_dtype t, const Caps& caps) {
  const size_t bits = dtype_bits(t);
  if (bits < 8 || bits > 64) return cat("dtype ", dtype_name(t));
  if (bits == 8 && !caps.i8_storage) return cat("dtype ", dtype_name(t), ": this device stores no bytes");
  if (bits == 16 && !caps.f16_storage) return cat("dtype ", dtype_name(t), ": this device stores no halves");
  return "";
}

std::string types_only(const Node& node, const Caps& caps, std::span<const hrt_dtype> types) {
  const Graph graph(node.graph());
  const auto check = [&](uint32_t id, const char* what) -> std::string {
    if (id == HRT_NONE) return "";
    const hrt_dtype t = graph.value(id).dtype();
    for (const hrt_dtype ok : types)
      if (t == ok) return storable(t, caps);
    return cat("dtype ", dtype_name(t), " of ", what);
  };
  for (const uint32_t id : node.inputs())
    if (std::string reason = check(id, "an input"); !reason.empty()) return reason;
  return check(node.output(0), "the output");
}

std::string floats_only(const Node& node, const Caps& caps) {
  static constexpr hrt_dtype kFloats[] = {HRT_FLOAT32, HRT_FLOAT16};
  return types_only(node, caps, kFloats);
}

uint32_t push_float(float v) { return std::bit_cast<uint32_t>(v); }

uint32_t push_int(int64_t v) {
  if (v < std::numeric_limits<int32_t>::min() || v > std::numeric_limits<int32_t>::max())
    unsupported("kernels count in 32 bits; ", v, " is too large");
  return uint32_t(int32_t(v));
}

namespace {

// Strides of a row-major operand, aligned to the right of the output's dims; 0 where it is broadcast.
Dims broadcast_strides(const Dims& out, const Dims& operand) {
  Dims strides(out.size(), 0);
  int64_t stride = 1;
  for (size_t k = 0; k < operand.size(); ++k) {
    const size_t from = operand.size() - 1 - k, to = out.size() - 1 - k;
    if (operand[from] != 1) strides[to] = stride;
    stride *= operand[from];
  }
  return strides;
}

}  // namespace

Merged merge_dims(const Dims& out, std::span<const Dims> operands, size_t max) {
  std::vector<Dims> strides;
  for (const Dims& o : operands) {
    require(o.size() <= out.size(), "shape ", o, " does not broadcast to ", out);
    strides.push_back(broadcast_strides(out, o));
  }
  Merged m;
  m.strides.resize(operands.size());
  for (size_t d = 0; d < out.size(); ++d) {
    if (out[d] == 1) continue;
    bool runs_on = !m.dims.empty();
    for (size_t k = 0; k < strides.size() && runs_on; ++k)
      runs_on = m.strides[k].back() == strides[k][d] * out[d];
    if (!runs_on) {
      m.dims.push_back(out[d]);
      for (size_t k = 0; k < strides.size(); ++k) m.strides[k].push_back(strides[k][d]);
      continue;
    }
    m.dims.back() *= out[d];
    for (size_t k = 0; k < strides.size(); ++k) m.strides[k].back() = strides[k][d];
  }
  if (m.dims.empty()) {
    m.dims.push_back(1);
    for (Dims& s : m.strides) s.push_back(1);
  }
  if (m.dims.size() > max) unsupported("shape ", out, " has more than ", max, " dims after merging");
  m.linear = m.dims.size() == 1;
  for (const Dims& s : m.strides) m.linear = m.linear && s.back() == 1;
  return m;
}

}  // namespace hrt::gpu
