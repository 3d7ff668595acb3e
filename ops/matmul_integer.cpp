// SPDX-License-Identifier: Apache-2.0
// MatMulInteger: (a - a_zero_point) * (b - b_zero_point), 8-bit integers into 32. A zero point is a scalar
// or has one element per row of a or column of b. https://onnx.ai/onnx/operators/onnx__MatMulInteger.html
#include "matmul.h"

namespace hrt::ops {
namespace {

// The zero point of each element of a matrix, as 32-bit integers. axis: the one along which it varies when
// it is a vector, counted from the end.
template <class T>
std::vector<uint32_t> centred(const Tensor& t, const std::optional<Tensor>& zero, int64_t axis) {
  std::vector<uint32_t> out(t.span<T>().begin(), t.span<T>().end());
  if (!zero) return out;
  Dims dims(zero->dims().begin(), zero->dims().end());
  if (dims.size() == 1 && dims[0] != 1 && axis == 2) dims.push_back(1);
  require(std::ranges::equal(broadcast(t.dims(), dims), t.dims()), "a zero point of shape ", zero->dims(),
          " does not fit a matrix of ", t.dims());
  Counter at(t.dims(), {broadcast_strides(dims, t.dims())});
  for (uint32_t& v : out) {
    v -= uint32_t(zero->data<T>()[at.offset(0)]);
    at.next();
  }
  return out;
}

void compute(const Kernel& c) {
  const Tensor a = c.input(0), b = c.input(1);
  const MatMulShape s = matmul_shape(a.dims(), b.dims());
  std::vector<uint32_t> x, w;
  using Bytes = TypeList<int8_t, uint8_t>;
  dispatch(Bytes{}, a.dtype(), [&]<class T>() { x = centred<T>(a, c.optional(2), 2); });
  dispatch(Bytes{}, b.dtype(), [&]<class T>() { w = centred<T>(b, c.optional(3), 1); });
  int32_t* y = c.output(0, HRT_INT32, s.y).data<int32_t>();
  multiply<uint32_t>(
      s, [&](int64_t i) { return x[i]; }, [&](int64_t i) { return w[i]; },
      [=](int64_t o, int64_t, int64_t count, const uint32_t* row) {
        std::transform(row, row + count, y + o, [](uint32_t v) { return int32_t(v); });
      });
}

const Register matmul_integer(Op{
    .name = "MatMulInteger",
    .since = 10,
    .doc = "matrix product of 8-bit integers into 32",
    .inputs = {{"A", "T1"},
               {"B", "T2"},
               {"a_zero_point", "T1", HRT_PARAM_OPTIONAL},
               {"b_zero_point", "T2", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "int32"}},
    .types = {{"T1", bits(HRT_INT8, HRT_UINT8)}, {"T2", bits(HRT_INT8, HRT_UINT8)}},
    .infer = [](const Infer& c) { infer_matmul(c, HRT_INT32, 0, 1); },
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
