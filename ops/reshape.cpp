// SPDX-License-Identifier: Apache-2.0
// Reshape: the same elements under another shape. https://onnx.ai/onnx/operators/onnx__Reshape.html
#include <algorithm>

#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

// product(in) / product(out): what -1 stands for. Symbols that occur in both cancel.
int64_t quotient(const DimMath& m, Dims in, const Dims& out) {
  int64_t divisor = 1;
  bool named = false;  // a symbol of out that did not cancel
  for (int64_t d : out) {
    const auto match = HRT_DIM_IS_SYMBOL(d) ? std::find(in.begin(), in.end(), d) : in.end();
    if (match != in.end())
      *match = 1;
    else if (is_number(d))
      divisor = checked_mul(divisor, d);
    else if (d == HRT_DIM_UNKNOWN)
      return HRT_DIM_UNKNOWN;
    else
      named = true;
  }
  require(divisor != 0, "the dimension -1 is not determined beside one that is 0");
  int64_t number = 1, symbol = 1;
  for (int64_t d : in) (is_number(d) ? number : symbol) = m.mul(is_number(d) ? number : symbol, d);
  if (symbol == HRT_DIM_UNKNOWN) return symbol;
  if (named || (symbol != 1 && number != divisor)) return m.fresh();
  if (symbol != 1) return symbol;
  require(number % divisor == 0, "cannot divide ", number, " elements by ", divisor);
  return number / divisor;
}

Dims reshaped(const DimMath& m, const Dims& in, Dims shape, bool allow_zero) {
  int64_t hole = -1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !allow_zero) {
      require(i < in.size(), "shape has 0 at ", i, ", but the data has rank ", in.size());
      shape[i] = in[i];
    } else if (shape[i] == -1) {
      require(hole < 0, "shape has more than one -1");
      hole = int64_t(i);
    } else {
      require(!is_number(shape[i]) || shape[i] >= 0, "shape has the dimension ", shape[i]);
    }
  }
  if (hole >= 0) {
    Dims rest = shape;
    rest.erase(rest.begin() + hole);
    shape[size_t(hole)] = quotient(m, in, rest);
  }
  if (all_numbers(in) && all_numbers(shape))
    require(element_count(in) == element_count(shape), "cannot reshape ", in, " into ", shape);
  return shape;
}

void infer(const Infer& c) {
  const auto shape = dims_from(c, 1);
  if (!shape) return output_unranked(c);
  const auto in = c.dims(0);
  if (!in) return output_rank(c, shape->size());
  c.output(0, TensorType(c.dtype(0), reshaped(DimMath(c), *in, *shape, c.node().i("allowzero"))));
  if (const auto v = tracked(c, 0)) c.output_values(0, *v);
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Dims in(x.dims().begin(), x.dims().end());
  const Dims out = reshaped(DimMath(), in, to_int64s(c.input(1)), c.node().i("allowzero"));
  copy_all(c.output(0, x.dtype(), out), x);
}

const Register reshape(Op{
    .name = "Reshape",
    .since = 25,
    .doc = "the same elements under another shape; 0 keeps a dimension, -1 is what remains",
    .inputs = {{"data", "T"}, {"shape", "int64", HRT_PARAM_SHAPE}},
    .outputs = {{"reshaped", "T"}},
    .attrs = {{"allowzero", HRT_ATTR_INT, "0"}},
    .types = {{"T", kAny}},
    .inplace = {{0, 0}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
