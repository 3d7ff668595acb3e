// SPDX-License-Identifier: Apache-2.0
// com.microsoft.MatMulNBits: A * W' + bias, W (N, K) in integers of 2, 4 or 8 bits with a scale, and perhaps
// a zero point, for every block_size elements of a row.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits
#include "elements.h"
#include "norm.h"
#include "product.h"

namespace hrt::ops {
namespace {

enum : uint32_t { kA, kB, kScales, kZeros, kGroups, kBias };

struct Shape {
  int64_t n, k, bits, block;
  int64_t blocks() const { return (k + block - 1) / block; }  // of a row
};

Shape shape_of(const Node& node) {
  const Shape s{node.i("N"), node.i("K"), node.i("bits", 4), node.i("block_size")};
  require(s.n > 0 && s.k > 0 && s.n <= INT32_MAX && s.k <= INT32_MAX, "weights of ", s.n, " x ", s.k);
  require(s.block >= 16 && s.block <= INT32_MAX && (s.block & (s.block - 1)) == 0, "block_size is ", s.block);
  if (s.bits != 2 && s.bits != 4 && s.bits != 8) unsupported("attribute bits = ", s.bits);
  if (node.i("weight_prepacked")) unsupported("attribute weight_prepacked = ", node.i("weight_prepacked"));
  return s;
}

void infer(const Infer& c) {
  const Shape s = shape_of(c.node());
  auto a = c.dims(kA);
  if (!a) return c.output(0, TensorType(c.dtype(kA)));
  require(!a->empty() && (!is_number(a->back()) || a->back() == s.k), "A of shape ", *a, " for K = ", s.k);
  a->back() = s.n;
  c.output(0, TensorType(c.dtype(kA), *a));
}

void require_count(const Tensor& t, int64_t n, const char* name) {
  require(t.size() == n, name, " has shape ", t.dims(), " instead of ", n, " elements");
}

// Element i of row `row` of packed integers, each row `bytes` long.
int64_t packed_at(const Tensor& t, int64_t row, int64_t bytes, int64_t bits, int64_t i) {
  const uint8_t byte = t.data<uint8_t>()[row * bytes + i * bits / 8];
  return byte >> (i * bits % 8) & ((1 << bits) - 1);
}

// W as (N, K).
std::vector<double> weights(const Kernel& c, const Shape& s) {
  const Tensor b = c.input(kB), scales = c.input(kScales);
  const auto zeros = c.optional(kZeros), groups = c.optional(kGroups);
  const int64_t blocks = s.blocks(), row_bytes = blocks * s.block * s.bits / 8,
                zero_bytes = (blocks * s.bits + 7) / 8;
  require_count(b, s.n * row_bytes, "B");
  require_count(scales, s.n * blocks, "scales");
  const bool packed = zeros && zeros->dtype() == HRT_UINT8;
  if (zeros) require_count(*zeros, s.n * (packed ? zero_bytes : blocks), "zero_points");
  const Dims group = groups ? to_int64s(*groups) : Dims();
  require(!groups || int64_t(group.size()) >= s.k, "g_idx has shape ", groups ? groups->dims() : b.dims());
  const std::vector<double> scale = to_doubles(scales),
                            zero = zeros && !packed ? to_doubles(*zeros) : std::vector<double>();
  std::vector<double> w;
  w.reserve(size_t(s.n * s.k));
  for (int64_t j = 0; j < s.n; ++j)
    for (int64_t k = 0; k < s.k; ++k) {
      const int64_t g = groups ? group[size_t(k)] : k / s.block;
      require(g >= 0 && g < blocks, "g_idx of ", g, " for ", blocks, " blocks");
      const double z = packed  ? double(packed_at(*zeros, j, zero_bytes, s.bits, g))
                       : zeros ? zero[size_t(j * blocks + g)]
                               : double(1 << (s.bits - 1));
      w.push_back((double(packed_at(b, j, row_bytes, s.bits, k)) - z) * scale[size_t(j * blocks + g)]);
    }
  return w;
}

void compute(const Kernel& c) {
  const Shape s = shape_of(c.node());
  const Tensor a = c.input(kA);
  const auto bias = c.optional(kBias);
  require(a.rank() >= 1 && a.dim(a.rank() - 1) == s.k, "A of shape ", a.dims(), " for K = ", s.k);
  require(!bias || (bias->rank() == 1 && bias->dim(0) == s.n), "the bias does not have ", s.n, " elements");
  Dims dims(a.dims().begin(), a.dims().end());
  dims.back() = s.n;
  // Weights without elements: a product that is left out.
  const std::vector<double> w =
      c.input(kB).size() ? weights(c, s) : std::vector<double>(size_t(s.n * s.k), 0.0);
  const auto in = c.input(kB).size() ? to_doubles(a) : std::vector<double>(size_t(a.size()), 0.0);
  const auto add = bias ? to_doubles(*bias) : std::vector<double>(size_t(s.n), 0.0);
  const Tensor y = c.output(0, a.dtype(), dims);
  dispatch(Floats{}, a.dtype(), [&]<class T>() {
    multiply<double>(
        1, a.size() / s.k, s.n, s.k,
        [&](int64_t, int64_t i, int64_t k0, int64_t count, double* to) {
          std::copy_n(in.begin() + i * s.k + k0, count, to);
        },
        [&](int64_t, int64_t k0, int64_t rows, int64_t j0, int64_t columns, double* to) {
          for (int64_t k = 0; k < rows; ++k)
            for (int64_t j = 0; j < columns; ++j)
              to[k * kBlockColumns + j] = w[size_t((j0 + j) * s.k + k0 + k)];
        },
        [&](int64_t, int64_t i, int64_t j0, int64_t count, double* row) {
          for (int64_t j = 0; j < count; ++j)
            y.data<T>()[i * s.n + j0 + j] = T(acc_t<T>(row[j] + add[size_t(j0 + j)]));
        });
  });
}

const Register matmul_nbits(Op{
    .domain = "com.microsoft",
    .name = "MatMulNBits",
    .since = 1,
    .doc = "matrix product with weights of few bits",
    .inputs = {{"A", "T1"},
               {"B", "uint8"},
               {"scales", "T1"},
               {"zero_points", "T3", HRT_PARAM_OPTIONAL},
               {"g_idx", "int32", HRT_PARAM_OPTIONAL},
               {"bias", "T1", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T1"}},
    .attrs = {{.name = "K", .type = HRT_ATTR_INT, .required = true},
              {.name = "N", .type = HRT_ATTR_INT, .required = true},
              {"accuracy_level", HRT_ATTR_INT, "0"},
              {"bits", HRT_ATTR_INT, "4"},
              {.name = "block_size", .type = HRT_ATTR_INT, .required = true},
              {"weight_prepacked", HRT_ATTR_INT, "0"}},
    .types = {{"T1", kFloat}, {"T3", kFloat | bits(HRT_UINT8)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
