// SPDX-License-Identifier: Apache-2.0
// Constant: what the attribute holds. https://onnx.ai/onnx/operators/onnx__Constant.html
// (Importers turn these nodes, sparse ones too, into constants of the graph; some nodes remain in bodies.)
#include <algorithm>

#include "elements.h"

namespace hrt::ops {
namespace {

// The one attribute that is set; its name begins with "value".
Attr value_of(const Node& node) {
  require(node.attr_count() == 1, "exactly one attribute must hold the value");
  return node.attr_at(0);
}

TensorType type_of(const Attr& value) {
  const hrt_attr& a = value.c();
  const Dims list = {int64_t(a.count)};
  switch (a.type) {
    case HRT_ATTR_TENSOR: return {a.tensor->dtype, Dims(a.tensor->dims, a.tensor->dims + a.tensor->rank)};
    case HRT_ATTR_FLOAT: return {HRT_FLOAT32, {}};
    case HRT_ATTR_FLOATS: return {HRT_FLOAT32, list};
    case HRT_ATTR_INT: return {HRT_INT64, {}};
    case HRT_ATTR_INTS: return {HRT_INT64, list};
    case HRT_ATTR_STRING: return {HRT_STRING, {}};
    case HRT_ATTR_STRINGS: return {HRT_STRING, list};
    default: fail("attribute ", a.name, " holds no value");
  }
}

void infer(const Infer& c) {
  const Attr value = value_of(c.node());
  c.output(0, type_of(value));
  if (value.c().type == HRT_ATTR_INT) c.output_values(0, Dims{value.c().i});
  if (value.c().type == HRT_ATTR_INTS) c.output_values(0, {value.c().ints, value.c().count});
  if (value.c().type != HRT_ATTR_TENSOR) return;
  const Tensor t(*value.c().tensor);
  if (t.dtype() == HRT_INT64 || t.dtype() == HRT_INT32) c.output_values(0, to_int64s(t));
}

void compute(const Kernel& c) {
  const Attr value = value_of(c.node());
  const hrt_attr& a = value.c();
  const TensorType type = type_of(value);
  const Tensor y = c.output(0, type.dtype, type.dims);
  switch (a.type) {
    case HRT_ATTR_TENSOR: return copy_all(y, Tensor(*a.tensor));
    case HRT_ATTR_FLOAT: *y.data<float>() = a.f; return;
    case HRT_ATTR_FLOATS: std::copy_n(a.floats, a.count, y.data<float>()); return;
    case HRT_ATTR_INT: *y.data<int64_t>() = a.i; return;
    case HRT_ATTR_INTS: std::copy_n(a.ints, a.count, y.data<int64_t>()); return;
    case HRT_ATTR_STRING: return y.set_string(0, {a.s.data, a.s.size});
    default:
      for (size_t i = 0; i < a.count; ++i) y.set_string(int64_t(i), {a.strings[i].data, a.strings[i].size});
  }
}

const Register constant(Op{
    .name = "Constant",
    .since = 25,
    .doc = "a constant",
    .outputs = {{"output", "T"}},
    .attrs = {{"value", HRT_ATTR_TENSOR},
              {"value_float", HRT_ATTR_FLOAT},
              {"value_floats", HRT_ATTR_FLOATS},
              {"value_int", HRT_ATTR_INT},
              {"value_ints", HRT_ATTR_INTS},
              {"value_string", HRT_ATTR_STRING},
              {"value_strings", HRT_ATTR_STRINGS}},
    .types = {{"T", kAny}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
