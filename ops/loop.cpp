// SPDX-License-Identifier: Apache-2.0
// Loop: runs a body up to a trip count, while its condition holds.
// https://onnx.ai/onnx/operators/onnx__Loop.html
#include "body.h"
#include "dims.h"

namespace hrt::ops {
namespace {

const TypeTree& int64_scalar() {
  static const TypeTree t(TensorType(HRT_INT64, Dims{}));
  return t;
}
const TypeTree& bool_scalar() {
  static const TypeTree t(TensorType(HRT_BOOL, Dims{}));
  return t;
}

// The body's output types once the types of the carried values no longer change from one iteration to
// the next: what an iteration alters is forgotten, at last the whole shape. carried: in and out.
std::vector<const hrt_type*> settle(const Infer& c, std::vector<std::optional<TypeTree>>& carried) {
  for (int round = 0;; ++round) {
    std::vector<const hrt_type*> in = {&int64_scalar().c(), &bool_scalar().c()};
    for (const auto& t : carried) in.push_back(t ? &t->c() : nullptr);
    const auto out = infer_body(c, "body", in);
    require(out.size() > carried.size(), "the body gives ", out.size(), " values, the loop carries ",
            carried.size());
    bool changed = false;
    for (size_t i = 0; i < carried.size(); ++i) {
      if (!carried[i] || !out[i + 1]) continue;
      const TypeTree before = *carried[i], after(*out[i + 1]);
      if (before.kind() != after.kind() && round == 0)  // an optional may come back without its wrapping
        carried[i] = after;
      else
        carried[i]->join(after);
      if (*carried[i] == before) continue;
      changed = true;
      if (round > 1) carried[i]->forget_shape();
    }
    if (!changed) return out;
  }
}

void infer(const Infer& c) {
  std::vector<std::optional<TypeTree>> carried;
  for (uint32_t i = 2; i < c.input_count(); ++i) {
    const hrt_type* t = c.type(i);
    carried.push_back(t ? std::optional<TypeTree>(*t) : std::nullopt);
  }
  const auto out = settle(c, carried);
  for (uint32_t i = 0; i < carried.size(); ++i)
    if (carried[i]) c.output(i, carried[i]->c());

  // Without a condition the trip count is the number of iterations.
  int64_t trips = HRT_DIM_UNKNOWN;
  const auto m = c.has(0) && !c.has(1) ? c.values(0) : std::nullopt;
  if (m && m->size() == 1) trips = is_number((*m)[0]) ? std::max<int64_t>((*m)[0], 0) : (*m)[0];
  for (size_t i = carried.size() + 1; i < out.size(); ++i) {
    if (!out[i] || out[i]->kind != HRT_KIND_TENSOR) continue;
    TensorType type(out[i]->dtype);
    if (out[i]->rank >= 0) {
      type.ranked = true;
      type.dims.assign(out[i]->dims, out[i]->dims + out[i]->rank);
      type.dims.insert(type.dims.begin(), trips);
    }
    c.output(uint32_t(i - 1), type);
  }
}

void compute(const Kernel& c) {
  const int64_t trips = c.has(0) ? int_scalar_of(c.input(0), "the trip count") : INT64_MAX;
  const bool conditional = c.has(1);
  bool go_on = !conditional || scalar_of(c.input(1), "the condition") != 0;
  std::vector<const hrt_value*> carried;
  for (uint32_t i = 2; i < c.input_count(); ++i) carried.push_back(c.value(i));
  const Graph body = body_of(c.node(), "body");
  const size_t n = carried.size(), outputs = body.outputs().size();
  require(outputs == c.output_count() + 1 && outputs > n, "the body gives ", outputs, " values for ", n,
          " carried and ", c.output_count(), " outputs");
  std::vector<Stack> scans(outputs - 1 - n, Stack(c));

  for (int64_t i = 0; i < trips && go_on; ++i) {
    c.check_cancelled();
    const Tensor iteration = c.make(HRT_INT64, Dims{}), condition = c.make(HRT_BOOL, Dims{});
    *iteration.data<int64_t>() = i;
    *condition.data<bool>() = true;
    std::vector<const hrt_value*> in = {iteration.c().value, condition.c().value};
    in.insert(in.end(), carried.begin(), carried.end());
    const auto out = c.run_body("body", in, outputs);
    if (conditional) go_on = scalar_of(Kernel::tensor_of(out[0]), "the condition") != 0;
    // What this iteration alone needed goes; the initial values are the caller's.
    c.release(in[0]);
    c.release(in[1]);
    c.release(out[0]);
    for (size_t k = 0; k < n; ++k) {
      if (i > 0) c.release(carried[k]);
      carried[k] = out[k + 1];
    }
    for (size_t k = 0; k < scans.size(); ++k) {
      if (c.wanted(uint32_t(n + k)))
        scans[k].push(out[1 + n + k]);
      else
        c.release(out[1 + n + k]);
    }
  }

  for (uint32_t k = 0; k < n; ++k)
    if (c.wanted(k)) c.output_value(k, carried[k]);
  for (uint32_t k = 0; k < scans.size(); ++k)
    if (c.wanted(uint32_t(n + k)))
      scans[k].write(uint32_t(n + k), 0, false, body.value(body.outputs()[1 + n + k]).type());
}

const Register loop(Op{
    .name = "Loop",
    .since = 25,
    .doc = "runs a body up to a trip count, while its condition holds",
    .inputs = {{"M", "I", HRT_PARAM_OPTIONAL},
               {"cond", "B", HRT_PARAM_OPTIONAL},
               {"v_initial", "V", HRT_PARAM_VARIADIC | HRT_PARAM_HETEROGENEOUS | HRT_PARAM_OPTIONAL}},
    .outputs = {{"v_final_and_scan_outputs", "V", HRT_PARAM_VARIADIC | HRT_PARAM_HETEROGENEOUS}},
    .attrs = {{"body", HRT_ATTR_GRAPH, "", true}},
    .types = {{"V", kAny, kAny, kAny}, {"I", bits(HRT_INT64)}, {"B", kBool}},
    .flags = HRT_OP_CONTROL | HRT_OP_DATA_SHAPE,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
