// SPDX-License-Identifier: Apache-2.0
// Collects what the operator files registered, and what they share.
#include "op.h"

#include <algorithm>
#include <deque>

#include "registered.h"

namespace hrt::ops {
namespace {

// An operator in the ABI's form, with everything that it points to.
struct Entry {
  explicit Entry(Op o) : op(std::move(o)) {}
  Op op;
  std::vector<hrt_op_param> params;
  std::vector<hrt_op_attr> attrs;
  std::vector<hrt_op_constraint> types;
  hrt_op c{};
};

std::deque<Entry>& entries() {
  static std::deque<Entry> all;
  return all;
}

const Op& op_of(const hrt_op* c) { return static_cast<const Entry*>(c->user)->op; }

}  // namespace

const hrt_ops_api& registered() {
  static std::vector<const hrt_op*> ops;
  static hrt_ops_api api;
  ops.clear();
  for (const Entry& e : entries()) ops.push_back(&e.c);
  api = {sizeof(hrt_ops_api), ops.data(), ops.size()};
  return api;
}

Register::Register(Op op) {
  Entry& e = entries().emplace_back(std::move(op));
  for (const auto* list : {&e.op.inputs, &e.op.outputs})
    for (const Param& p : *list) e.params.push_back({sizeof(hrt_op_param), p.name, p.type, p.flags});
  for (const AttrSpec& a : e.op.attrs)
    e.attrs.push_back({sizeof(hrt_op_attr), a.name, a.type, a.required, a.default_text});
  for (const Types& t : e.op.types)
    e.types.push_back({sizeof(hrt_op_constraint), t.name, t.tensor, t.sequence, t.optional});

  e.c = sized<hrt_op>();
  e.c.domain = e.op.domain;
  e.c.name = e.op.name;
  e.c.since_version = e.op.since;
  e.c.doc = e.op.doc;
  e.c.inputs = e.params.data();
  e.c.input_count = e.op.inputs.size();
  e.c.outputs = e.params.data() + e.op.inputs.size();
  e.c.output_count = e.op.outputs.size();
  e.c.param_stride = sizeof(hrt_op_param);
  e.c.attrs = e.attrs.data();
  e.c.attr_count = e.attrs.size();
  e.c.attr_stride = sizeof(hrt_op_attr);
  e.c.constraints = e.types.data();
  e.c.constraint_count = e.types.size();
  e.c.constraint_stride = sizeof(hrt_op_constraint);
  e.c.inplace = e.op.inplace.data();
  e.c.inplace_count = e.op.inplace.size();
  e.c.flags = e.op.flags;
  e.c.user = &e;
  e.c.infer = [](const hrt_op* c, hrt_infer* infer) { return guard([&] { op_of(c).infer(Infer(infer)); }); };
  if (e.op.compute)
    e.c.compute = [](const hrt_op* c, hrt_kernel* kernel) {
      return guard([&] { op_of(c).compute(Kernel(kernel)); });
    };
}

int64_t normalise_axis(int64_t axis, int64_t rank) {
  require(axis >= -rank && axis < rank, "axis ", axis, " is outside rank ", rank);
  return axis < 0 ? axis + rank : axis;
}

Dims normalise_axes(Dims axes, int64_t rank) {
  for (int64_t& a : axes) a = normalise_axis(a, rank);
  Dims sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  require(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(), "an axis is named twice");
  return axes;
}

Dims strides_of(std::span<const int64_t> dims) {
  Dims strides(dims.size());
  int64_t n = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = n;
    n *= dims[i];
  }
  return strides;
}

namespace {
// Aligns shapes at their last axis and merges them axis by axis.
template <class Merge>
Dims broadcast_with(std::span<const int64_t> a, std::span<const int64_t> b, Merge&& merge) {
  const size_t rank = std::max(a.size(), b.size());
  Dims out(rank);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i + a.size() < rank ? 1 : a[i + a.size() - rank];
    const int64_t y = i + b.size() < rank ? 1 : b[i + b.size() - rank];
    out[i] = merge(x, y);
  }
  return out;
}
}  // namespace

Dims broadcast(std::span<const int64_t> a, std::span<const int64_t> b) {
  return broadcast_with(a, b, [&](int64_t x, int64_t y) {
    require(x == y || x == 1 || y == 1, "shapes ", a, " and ", b, " do not broadcast");
    return x == 1 ? y : x;
  });
}

Dims broadcast(const Infer& c, const Dims& a, const Dims& b) {
  return broadcast_with(a, b, [&](int64_t x, int64_t y) -> int64_t {
    if (x == y && x != HRT_DIM_UNKNOWN) return x;
    if (x == 1) return y;
    if (y == 1) return x;
    const bool nx = is_number(x), ny = is_number(y);
    require(!nx || !ny, "shapes ", a, " and ", b, " do not broadcast");
    if (nx) return x;  // a number that is not 1 wins over what is not known yet
    if (ny) return y;
    return x == HRT_DIM_UNKNOWN || y == HRT_DIM_UNKNOWN ? HRT_DIM_UNKNOWN : c.symbol();
  });
}

Dims broadcast_strides(std::span<const int64_t> dims, std::span<const int64_t> to) {
  const Dims dense = strides_of(dims);
  Dims out(to.size(), 0);
  for (size_t i = 0; i < dims.size(); ++i)
    if (dims[i] != 1) out[i + to.size() - dims.size()] = dense[i];
  return out;
}

void infer_same(const Infer& c) {
  if (const hrt_type* t = c.type(0)) c.output(0, *t);
}

namespace {
void infer_broadcast_to(const Infer& c, hrt_dtype dtype) {
  Dims out;
  for (uint32_t i = 0; i < c.input_count(); ++i) {
    const auto dims = c.dims(i);
    if (!dims) return c.output(0, TensorType(dtype));
    out = i == 0 ? *dims : broadcast(c, out, *dims);
  }
  c.output(0, TensorType(dtype, out));
}
}  // namespace

void infer_broadcast(const Infer& c) { infer_broadcast_to(c, c.dtype(0)); }
void infer_compare(const Infer& c) { infer_broadcast_to(c, HRT_BOOL); }

}  // namespace hrt::ops
