// SPDX-License-Identifier: Apache-2.0
// The normalisations: with given statistics, over last axes, over groups of channels, along an axis.
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/strided.h"

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
  const Merged m = merge_dims(row, std::span(&dims, 1), HRT_MAX_RANK);
  const Ref to = e.scratch(uint64_t(sdk::element_count(row)) * dtype_bytes(o.dtype));
  copy_box(e, e.in_ref(i), to, o.dtype, {m.dims, m.strides[0], strides_of(m.dims)});
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

enum : size_t {
  kWords,
  kSegments,
  kWordTable,
  kPositionTable,
  kSegmentTable,
  kGamma,
  kBeta,
  kMask,
  kPositions
};

std::string embed_supports(const Node& node, const Caps& caps) {
  const Graph graph(node.graph());
  const hrt_dtype type = graph.value(node.output(0)).dtype();
  if (type != HRT_FLOAT32 && type != HRT_FLOAT16)
    return sdk::cat("dtype ", dtype_name(type), " of the output");
  for (const size_t i : {kWordTable, kPositionTable, kSegmentTable, kGamma, kBeta})
    if (node.has_input(i) && graph.value(node.input(i)).dtype() != type) return "tables of several types";
  if (node.has_input(kSegments) != node.has_input(kSegmentTable))
    return "one of segment_ids and segment_embedding";
  return storable(type, caps);
}

int64_t rows_of_table(const Emit& e, size_t i, int64_t hidden) {
  const Dims& d = e.in()[i].dims;
  require(d.size() == 2 && d[1] == hidden, "a table of shape ", d, " for a hidden size of ", hidden);
  push_int(e.in()[i].count());
  return d[0];
}

void embed_sums(Emit& e, Ref y, const Dims& dims) {
  const int64_t hidden = dims[2], n = sdk::element_count(dims);
  const bool segments = e.has_in(kSegments), positions = e.has_in(kPositions);
  Call call = element_call("embed", type_variant(e.out()[0].dtype), n);
  call.constants = {segments, positions};
  for (const int64_t v :
       {n, hidden, dims[1], rows_of_table(e, kWordTable, hidden), rows_of_table(e, kPositionTable, hidden),
        segments ? rows_of_table(e, kSegmentTable, hidden) : 0, positions ? e.in()[kPositions].count() : 1})
    call.push.push_back(push_int(v));
  const Ref words = e.in_ref(kWords), table = e.in_ref(kWordTable);
  call.buffers = {words,
                  segments ? e.in_ref(kSegments) : words,
                  positions ? e.in_ref(kPositions) : words,
                  table,
                  e.in_ref(kPositionTable),
                  segments ? e.in_ref(kSegmentTable) : table,
                  y,
                  e.fault("an id is outside its table", "the tokens")};
  call.writes = 1u << 6;
  e.dispatch(std::move(call));
}

// Words of each item that the mask leaves; none where there is no mask.
void embed_lengths(Emit& e, Ref y, int64_t batch, int64_t sequence) {
  const int64_t n = e.has_in(kMask) ? sequence : 0;
  Call call = row_call(e.caps(), "count_ones", "", row_lanes(e.caps(), batch, n, true), batch);
  call.push = {push_int(batch), push_int(n)};
  call.buffers = {e.in_ref(e.has_in(kMask) ? kMask : kWords), y};
  call.writes = 2;
  e.dispatch(std::move(call));
}

Compiled embed_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [epsilon = node.f("epsilon", 1e-12f)](Emit& e) {
    const Dims ids = e.in()[kWords].dims, table = e.in()[kWordTable].dims;
    require(ids.size() == 2 && table.size() == 2, "input_ids and word_embedding do not have rank 2");
    for (const size_t i : {kSegments, kMask})
      require(!e.has_in(i) || e.in()[i].dims == ids, "segment_ids or mask differ from input_ids in shape");
    require(
        !e.has_in(kPositions) || e.in()[kPositions].dims == ids || e.in()[kPositions].dims == Dims{1, ids[1]},
        "position_ids has the wrong shape");
    const Dims dims{ids[0], ids[1], table[1]};
    require_size(e, kGamma, dims[2]);
    require_size(e, kBeta, dims[2]);
    if (const Ref lengths = optional_out(e, 1); lengths != HRT_NONE)
      embed_lengths(e, lengths, ids[0], ids[1]);
    if (sdk::element_count(dims) == 0) return;
    Ref sums = optional_out(e, 2);
    if (sums == HRT_NONE) sums = e.scratch(e.out()[0].bytes());
    embed_sums(e, sums, dims);
    const Rows r{.rows = dims[0] * dims[1], .n = dims[2], .places = dims[2], .epsilon = epsilon};
    emit_rows(e, r, {.x = sums, .scale = e.in_ref(kGamma), .bias = e.in_ref(kBeta), .y = e.out_ref(0)});
  };
  return c;
}

// ----------------------------------------------------------------------- MeanVarianceNormalization

// As rows, copied where they are none: the axes that stay, then those that are normalised. Between one over
// the square root of variance + 1e-18 and one over the deviation + 1e-9 there is no difference that floats
// show.
Compiled mvn_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [axes = node.ints("axes", {0, 2, 3})](Emit& e) {
    const Operand& x = e.in()[0];
    if (x.count() == 0) return;
    std::vector<bool> gone(x.dims.size(), false);
    for (const int64_t axis : axes) gone[checked_axis(axis, x.rank())] = true;
    const Dims strides = strides_of(x.dims);
    Box box;
    int64_t n = 1;
    for (const bool part : {false, true})
      for (size_t d = 0; d < x.dims.size(); ++d) {
        if (gone[d] != part) continue;
        box.dims.push_back(x.dims[d]);
        box.xs.push_back(strides[d]);
        if (part) n *= x.dims[d];
      }
    box.ys = strides_of(box.dims);
    const bool as_it_is = box.xs == box.ys;
    const Ref from = as_it_is ? e.in_ref(0) : e.scratch(x.bytes()),
              to = as_it_is ? e.out_ref(0) : e.scratch(x.bytes());
    if (!as_it_is) copy_box(e, e.in_ref(0), from, x.dtype, box);
    const float one = 1;
    const float16 half_one(one);
    const Ref scale = x.dtype == HRT_FLOAT16 ? e.data(&half_one, sizeof half_one) : e.data(&one, sizeof one);
    emit_rows(e, {.rows = x.count() / n, .n = n, .epsilon = 1e-18f}, {.x = from, .scale = scale, .y = to});
    std::swap(box.xs, box.ys);
    if (!as_it_is) copy_box(e, to, e.out_ref(0), x.dtype, box);
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
      {"com.microsoft", "EmbedLayerNormalization", embed_supports, embed_compile},
      {"", "MeanVarianceNormalization", floats_only, mvn_compile},
      {"", "LpNormalization", lp_supports, lp_compile},
      {"", "LRN", floats_only, lrn_compile},
  };
  return ops;
}

}  // namespace hrt::gpu
