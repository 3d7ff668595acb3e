// SPDX-License-Identifier: Apache-2.0
// Scan: runs a body over the slices of tensors. https://onnx.ai/onnx/operators/onnx__Scan.html
#include "body.h"
#include "dims.h"

namespace hrt::ops {
namespace {

// How many of each there are, and the per-tensor attributes; absent ones are all 0.
struct Spec {
  size_t states, inputs, outputs;
  Dims in_axes, in_reversed, out_axes, out_reversed;
  Spec(const Node& node, size_t input_count) {
    const int64_t m = node.i("num_scan_inputs");
    require(m >= 1 && m <= int64_t(input_count), "num_scan_inputs is ", m, " of ", input_count, " inputs");
    inputs = size_t(m);
    states = input_count - inputs;
    const size_t all = body_of(node, "body").outputs().size();
    require(all >= states, "the body gives ", all, " values for ", states, " states");
    outputs = all - states;
    auto list = [&](const char* name, size_t n) {
      Dims v = node.ints(name, Dims(n, 0));
      require(v.size() == n, "attribute ", name, " has ", v.size(), " entries, not ", n);
      return v;
    };
    in_axes = list("scan_input_axes", inputs);
    in_reversed = list("scan_input_directions", inputs);
    out_axes = list("scan_output_axes", outputs);
    out_reversed = list("scan_output_directions", outputs);
  }
};

void infer(const Infer& c) {
  const Spec s(c.node(), c.input_count());
  std::vector<TypeTree> slices;
  slices.reserve(s.inputs);
  int64_t length = HRT_DIM_UNKNOWN;
  std::vector<const hrt_type*> in;
  for (uint32_t i = 0; i < s.states; ++i) in.push_back(c.type(i));
  for (uint32_t i = 0; i < s.inputs; ++i) {
    const uint32_t at = uint32_t(s.states) + i;
    auto dims = c.dims(at);
    if (dims) {
      const int64_t axis = normalise_axis(s.in_axes[i], int64_t(dims->size()));
      length = DimMath(c).same(length, (*dims)[size_t(axis)], "sequence length");
      dims->erase(dims->begin() + axis);
    }
    slices.emplace_back(dims ? TensorType(c.dtype(at), *dims) : TensorType(c.dtype(at)));
    in.push_back(&slices.back().c());
  }
  const auto out = infer_body(c, "body", in);
  for (uint32_t i = 0; i < s.states; ++i) {  // the shape of a state never changes
    const hrt_type* known = in[i] ? in[i] : out[i];
    if (known) c.output(i, *known);
  }
  for (uint32_t i = 0; i < s.outputs; ++i) {
    const hrt_type* t = out[s.states + i];
    if (!t || t->kind != HRT_KIND_TENSOR) continue;
    TensorType type(t->dtype);
    if (t->rank >= 0) {
      type = TensorType(t->dtype, Dims(t->dims, t->dims + t->rank));
      type.dims.insert(type.dims.begin() + normalise_axis(s.out_axes[i], t->rank + 1), length);
    }
    c.output(uint32_t(s.states + i), type);
  }
}

// Slice k along the axis, as a temporary.
const hrt_value* slice(const Kernel& c, const Tensor& x, size_t axis, int64_t k) {
  Dims dims(x.dims().begin(), x.dims().end());
  const int64_t n = dims[axis], outer = element_count(x.dims().first(axis));
  const int64_t inner = element_count(x.dims().subspan(axis + 1));
  dims.erase(dims.begin() + int64_t(axis));
  const Tensor y = c.make(x.dtype(), dims);
  const Mover move(y, x);
  for (int64_t o = 0; o < outer; ++o) move(o * inner, (o * n + k) * inner, inner);
  return y.c().value;
}

void compute(const Kernel& c) {
  const Spec s(c.node(), c.input_count());
  std::vector<const hrt_value*> states;
  for (uint32_t i = 0; i < s.states; ++i) states.push_back(c.value(i));
  std::vector<Tensor> inputs;
  std::vector<size_t> axes;
  for (size_t i = 0; i < s.inputs; ++i) {
    inputs.push_back(c.input(uint32_t(s.states + i)));
    axes.push_back(size_t(normalise_axis(s.in_axes[i], inputs[i].rank())));
    require(inputs[i].dim(int(axes[i])) == inputs[0].dim(int(axes[0])), "scan inputs differ in length");
  }
  const int64_t length = inputs[0].dim(int(axes[0]));
  std::vector<Stack> scans(s.outputs, Stack(c));
  for (int64_t t = 0; t < length; ++t) {
    c.check_cancelled();
    std::vector<const hrt_value*> in = states;
    for (size_t i = 0; i < s.inputs; ++i)
      in.push_back(slice(c, inputs[i], axes[i], s.in_reversed[i] ? length - 1 - t : t));
    const auto out = c.run_body("body", in, s.states + s.outputs);
    for (size_t i = s.states; i < in.size(); ++i) c.release(in[i]);
    for (size_t i = 0; i < s.states; ++i) {
      if (t > 0) c.release(states[i]);
      states[i] = out[i];
    }
    for (size_t i = 0; i < s.outputs; ++i) scans[i].push(out[s.states + i]);
  }
  for (uint32_t i = 0; i < s.states; ++i)
    if (c.wanted(i)) c.output_value(i, states[i]);
  const Graph body = body_of(c.node(), "body");
  for (uint32_t i = 0; i < s.outputs; ++i) {
    const uint32_t at = uint32_t(s.states) + i;
    if (c.wanted(at))
      scans[i].write(at, s.out_axes[i], s.out_reversed[i] != 0, body.value(body.outputs()[at]).type());
  }
}

const Register scan(Op{
    .name = "Scan",
    .since = 25,
    .doc = "runs a body over the slices of tensors",
    .inputs = {{"initial_state_and_scan_inputs", "V", HRT_PARAM_VARIADIC | HRT_PARAM_HETEROGENEOUS}},
    .outputs = {{"final_state_and_scan_outputs", "V", HRT_PARAM_VARIADIC | HRT_PARAM_HETEROGENEOUS}},
    .attrs = {{"body", HRT_ATTR_GRAPH, "", true},
              {"num_scan_inputs", HRT_ATTR_INT, "", true},
              {"scan_input_axes", HRT_ATTR_INTS, "0, ..."},
              {"scan_input_directions", HRT_ATTR_INTS, "0, ..."},
              {"scan_output_axes", HRT_ATTR_INTS, "0, ..."},
              {"scan_output_directions", HRT_ATTR_INTS, "0, ..."}},
    .types = {{"V", kAny}},
    .flags = HRT_OP_CONTROL,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
