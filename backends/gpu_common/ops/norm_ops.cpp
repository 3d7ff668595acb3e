// SPDX-License-Identifier: Apache-2.0
// The normalisations: with given statistics, over last axes, over groups of channels, along an axis.
#include "backends/gpu_common/ops/rows.h"

namespace hrt::gpu {
namespace {

// ---------------------------------------------------------------------------------- BatchNormalization

std::string batch_norm_supports(const Node& node, const Caps& caps) {
  if (node.i("training_mode")) return "training_mode = 1";
  if (wants_output(node, 1) || wants_output(node, 2)) return "running statistics as outputs";
  const hrt_dtype t = Value(node.graph(), node.input(0)).dtype();
  for (const uint32_t id : node.inputs())
    if (Value(node.graph(), id).dtype() != t) return "parameters of another type than the input";
  return floats_only(node, caps);
}

// Batch, channels, what is inside of a channel.
Lines channels_of(const Dims& dims) {
  require(!dims.empty(), "the input is a scalar");
  if (dims.size() == 1) return {dims[0], 1, 1};
  return lines_of(dims, 1);
}

void require_size(const Emit& e, size_t i, int64_t size) {
  require(e.in()[i].count() == size, "input ", i, " of shape ", e.in()[i].dims, " instead of ", size,
          " elements");
}

Compiled batch_norm_compile(const Node& node, Uploads&) {
  Compiled c;
  c.inplace = 1;
  c.emit = [epsilon = node.f("epsilon", 1e-5f)](Emit& e) {
    const Operand& x = e.in()[0];
    const Lines l = channels_of(x.dims);
    for (size_t i = 1; i <= 4; ++i) require_size(e, i, l.n);
    Call call = element_call("batch_norm", type_variant(x.dtype), x.count());
    for (size_t i = 0; i <= 4; ++i) call.buffers.push_back(e.in_ref(i));
    call.buffers.push_back(e.out_ref(0));
    call.writes = 1U << 5;
    call.push = {push_int(x.count()), push_int(l.n), push_int(l.inner), push_float(epsilon)};
    e.dispatch(std::move(call));
  };
  return c;
}

// --------------------------------------------------------- statistics of rows: kernels/normalize.comp

struct Rows {
  int64_t rows, n;
  // Where in scale and bias an element looks.
  int64_t period = 1, per_row = 0, run = 1, places = 1;
  bool centre = true;
  float epsilon;
  int64_t skips = 1;  // elements of skip
};

// What a call of the kernel reads and writes; HRT_NONE: absent.
struct RowRefs {
  Ref x, scale, bias = HRT_NONE, skip = HRT_NONE, skip_bias = HRT_NONE;
  Ref y, sums = HRT_NONE, means = HRT_NONE, inverses = HRT_NONE;
};

void emit_rows(Emit& e, const Rows& r, const RowRefs& refs) {
  const int32_t lanes = row_lanes(e.caps(), r.rows, r.n, true);
  Call call = row_call(e.caps(), "normalize", type_variant(e.out()[0].dtype), lanes, r.rows);
  call.constants.push_back(r.centre);
  for (const Ref ref : {refs.bias, refs.skip, refs.skip_bias, refs.sums, refs.means, refs.inverses})
    call.constants.push_back(ref != HRT_NONE);
  const auto bound = [](Ref ref, Ref otherwise) { return ref != HRT_NONE ? ref : otherwise; };
  call.buffers = {refs.x,
                  refs.scale,
                  bound(refs.bias, refs.scale),
                  bound(refs.skip, refs.x),
                  bound(refs.skip_bias, refs.scale),
                  refs.y,
                  bound(refs.sums, refs.y),
                  bound(refs.means, refs.y),
                  bound(refs.inverses, refs.y)};
  call.writes = 0b111100000;
  call.push = {push_int(r.rows),    push_int(r.n),   push_float(r.epsilon), push_int(r.period),
               push_int(r.per_row), push_int(r.run), push_int(r.places),    push_int(r.skips)};
  e.dispatch(std::move(call));
}

Ref optional_in(Emit& e, size_t i) { return e.has_in(i) ? e.in_ref(i) : Ref(HRT_NONE); }
Ref optional_out(Emit& e, size_t i) {
  return i < e.out().size() && e.out()[i].present() ? e.out_ref(i) : Ref(HRT_NONE);
}

// A parameter of LayerNormalization that is neither of the row's size nor one number: written out.
Ref expanded(Emit& e, size_t i, const Dims& row) {
  const Operand& o = e.in()[i];
  Dims dims = o.dims;
  while (dims.size() > row.size() && dims.front() == 1) dims.erase(dims.begin());
  if (dims.size() > row.size())
    unsupported("a parameter of shape ", o.dims, " for normalised dims ", row, ": it varies outside of them");
  if (sdk::element_count(dims) == sdk::element_count(row)) return e.in_ref(i);
  constexpr size_t kMostDims = 6;  // of kernels/transpose.comp
  const Merged m = merge_dims(row, std::span(&dims, 1), kMostDims);
  const int64_t n = sdk::element_count(row);
  Call call = element_call("transpose", size_variant(o.dtype), n);
  call.constants = {int32_t(m.dims.size())};
  call.push = {push_int(n), 0};
  for (const Dims* d : {&m.dims, &m.strides[0]}) {
    for (size_t k = 0; k < kMostDims; ++k) call.push.push_back(k < d->size() ? push_int((*d)[k]) : 0);
  }
  const Ref to = e.scratch(uint64_t(n) * dtype_bytes(o.dtype));
  call.buffers = {e.in_ref(i), to};
  call.writes = 2;
  e.dispatch(std::move(call));
  return to;
}

std::string same_type(const Node& node, const Caps& caps) {
  const hrt_dtype t = Value(node.graph(), node.input(0)).dtype();
  for (const uint32_t id : node.inputs())
    if (id != HRT_NONE && Value(node.graph(), id).dtype() != t)
      return "parameters of another type than the input";
  return floats_only(node, caps);
}

std::string layer_norm_supports(const Node& node, const Caps& caps) {
  for (size_t i = 1; i < node.outputs().size(); ++i)
    if (wants_output(node, i) && Value(node.graph(), node.output(i)).dtype() != HRT_FLOAT32)
      return "statistics that are not float32";
  return same_type(node, caps);
}

Compiled layer_norm_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [axis = node.i("axis", -1), epsilon = node.f("epsilon", 1e-5f),
            centre = node.op() == "LayerNormalization"](Emit& e) {
    const Operand& x = e.in()[0];
    const size_t at = checked_axis(axis, x.rank());
    const Dims row(x.dims.begin() + int64_t(at), x.dims.end());
    const int64_t n = sdk::element_count(row);
    if (n == 0) return;
    Rows r{.rows = x.count() / n, .n = n, .places = n, .centre = centre, .epsilon = epsilon};
    RowRefs refs{.x = e.in_ref(0), .scale = expanded(e, 1, row), .y = e.out_ref(0)};
    if (centre && e.has_in(2)) refs.bias = expanded(e, 2, row);
    if (centre) refs.means = optional_out(e, 1);
    refs.inverses = optional_out(e, centre ? 2 : 1);
    emit_rows(e, r, refs);
  };
  return c;
}

Compiled group_norm_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [given = node.op() == "GroupNormalization" ? node.i("num_groups") : 0,
            epsilon = node.f("epsilon", 1e-5f)](Emit& e) {
    const Operand& x = e.in()[0];
    require(x.rank() >= 2, "x has rank ", x.rank(), ", not batch, channels and more");
    const Lines l = lines_of(x.dims, 1);
    const int64_t groups = given ? given : std::max<int64_t>(l.n, 1);
    require(groups >= 1 && l.n % groups == 0, l.n, " channels in ", groups, " groups");
    require_size(e, 1, l.n);
    require_size(e, 2, l.n);
    const int64_t per_group = l.n / groups;
    const Rows r{.rows = l.outer * groups,
                 .n = per_group * l.inner,
                 .period = groups,
                 .per_row = per_group,
                 .run = l.inner,
                 .places = per_group,
                 .epsilon = epsilon};
    emit_rows(e, r, {.x = e.in_ref(0), .scale = e.in_ref(1), .bias = e.in_ref(2), .y = e.out_ref(0)});
  };
  return c;
}

// ------------------------------------------------------------------------ com.microsoft: skip, embed

Compiled skip_compile(const Node& node, Uploads&) {
  const bool centre = node.op() == "SkipLayerNormalization";
  Compiled c;
  c.emit = [centre, epsilon = node.f("epsilon", 1e-12f)](Emit& e) {
    const Operand &x = e.in()[0], &skip = e.in()[1];
    require(x.rank() == 2 || x.rank() == 3, "input has rank ", x.rank(), ", not 2 or 3");
    const int64_t n = x.dims.back(), tail = n * x.dims[size_t(x.rank()) - 2];
    require(skip.count() == x.count() || skip.count() == tail, "skip of shape ", skip.dims,
            " for an input of ", x.dims);
    const size_t beta = 3, bias = centre ? 4 : 3;
    for (size_t i = 2; i <= bias; ++i)
      if (e.has_in(i)) require_size(e, i, n);
    const Rows r{.rows = x.count() / n,
                 .n = n,
                 .places = n,
                 .centre = centre,
                 .epsilon = epsilon,
                 .skips = skip.count()};
    emit_rows(e, r,
              {.x = e.in_ref(0),
               .scale = e.in_ref(2),
               .bias = centre ? optional_in(e, beta) : Ref(HRT_NONE),
               .skip = e.in_ref(1),
               .skip_bias = optional_in(e, bias),
               .y = e.out_ref(0),
               .sums = optional_out(e, 3),
               .means = optional_out(e, 1),
               .inverses = optional_out(e, 2)});
  };
  return c;
}

// ------------------------------------------------------------------------------------ along an axis

std::string lp_supports(const Node& node, const Caps& caps) {
  const int64_t p = node.i("p", 2);
  return p == 1 || p == 2 ? floats_only(node, caps) : sdk::cat("p = ", p);
}

Compiled lp_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [axis = node.i("axis", -1), p = int32_t(node.i("p", 2))](Emit& e) {
    emit_along_axis(e, "norm_axis", axis, {p});
  };
  return c;
}

Compiled lrn_compile(const Node& node, Uploads&) {
  const int64_t size = node.i("size");
  require(size > 0, "LRN: size ", size);
  Compiled c;
  c.emit = [size, alpha = node.f("alpha", 1e-4f) / float(size), beta = node.f("beta", 0.75f),
            bias = node.f("bias", 1.0f)](Emit& e) {
    const Operand& x = e.in()[0];
    require(x.rank() >= 2, "x has rank ", x.rank(), ", not batch, channels and more");
    const Lines l = lines_of(x.dims, 1);
    const int64_t before = std::min((size - 1) / 2, l.n), after = std::min(size / 2, l.n);
    Call call = element_call("lrn", type_variant(x.dtype), x.count());
    call.buffers = {e.in_ref(0), e.out_ref(0)};
    call.writes = 2;
    call.push = {push_int(x.count()), push_int(l.n),     push_int(l.inner), push_int(before),
                 push_int(after),     push_float(alpha), push_float(beta),  push_float(bias)};
    e.dispatch(std::move(call));
  };
  return c;
}

}  // namespace

std::span<const Op> norm_ops() {
  static const Op ops[] = {
      {"", "BatchNormalization", batch_norm_supports, batch_norm_compile},
      {"", "InstanceNormalization", same_type, group_norm_compile},
      {"", "GroupNormalization", same_type, group_norm_compile},
      {"", "LayerNormalization", layer_norm_supports, layer_norm_compile},
      {"", "RMSNormalization", layer_norm_supports, layer_norm_compile},
      {"", "SimplifiedLayerNormalization", layer_norm_supports, layer_norm_compile},
      {"com.microsoft", "SimplifiedLayerNormalization", layer_norm_supports, layer_norm_compile},
      {"com.microsoft", "SkipLayerNormalization", same_type, skip_compile},
      {"com.microsoft", "SkipSimplifiedLayerNormalization", same_type, skip_compile},
      {"", "LpNormalization", lp_supports, lp_compile},
      {"", "LRN", floats_only, lrn_compile},
  };
  return ops;
}

}  // namespace hrt::gpu
