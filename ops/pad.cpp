// SPDX-License-Identifier: Apache-2.0
// Pad: elements added (or, by negative numbers, removed) before and after.
// https://onnx.ai/onnx/operators/onnx__Pad.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

struct Pads {
  Dims before, after;
  Pads(size_t rank, const Dims& pads, const std::optional<Dims>& axes) : before(rank, 0), after(rank, 0) {
    Dims at;
    if (axes)
      at = normalise_axes(*axes, int64_t(rank));
    else
      for (size_t i = 0; i < rank; ++i) at.push_back(int64_t(i));
    require(pads.size() == 2 * at.size(), pads.size(), " pads for ", at.size(), " axes");
    for (size_t i = 0; i < at.size(); ++i) {
      before[size_t(at[i])] = pads[i];
      after[size_t(at[i])] = pads[i + at.size()];
    }
  }
};

Dims padded(const DimMath& m, std::span<const int64_t> in, const Pads& p) {
  Dims out;
  for (size_t i = 0; i < in.size(); ++i) {
    out.push_back(m.add(m.add(in[i], p.before[i]), p.after[i]));
    require(!is_number(out[i]) || out[i] >= 0, "pads remove more than the ", in[i], " elements of axis ", i);
  }
  return out;
}

void infer(const Infer& c) {
  const auto in = c.dims(0);
  if (!in) return output_unranked(c);
  const auto pads = c.values(1);
  const auto axes = c.has(3) ? c.values(3) : std::nullopt;
  if (!pads || (c.has(3) && (!axes || !all_numbers(*axes)))) return output_rank(c, in->size());
  c.output(0, TensorType(c.dtype(0), padded(DimMath(c), *in, Pads(in->size(), *pads, axes))));
}

// Where each position of one axis of the output comes from; -1: from nowhere.
Dims sources(const std::string& mode, int64_t n, int64_t before, int64_t count) {
  Dims from(size_t(count), -1);
  require(n > 0 || mode == "constant" || count == 0, "an axis without elements cannot be padded by ", mode);
  const int64_t period = mode == "wrap" ? n : std::max<int64_t>(2 * n - 2, 1);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = i - before;
    int64_t& f = from[size_t(i)];
    if (at >= 0 && at < n) {
      f = at;
    } else if (mode == "edge") {
      f = at < 0 ? 0 : n - 1;
    } else if (mode != "constant") {
      f = (at % period + period) % period;
      if (f >= n) f = period - f;  // reflect: on the way back
    }
  }
  return from;
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const std::string mode = c.node().s("mode", "constant");
  require(mode == "constant" || mode == "reflect" || mode == "edge" || mode == "wrap", "there is no mode ",
          mode);
  std::optional<Dims> axes;
  if (c.has(3)) axes = to_int64s(c.input(3));
  const Pads pads(size_t(x.rank()), to_int64s(c.input(1)), axes);
  const Tensor y = c.output(0, x.dtype(), padded(DimMath(), x.dims(), pads));
  const Tensor fill = c.has(2) ? c.input(2) : c.make(x.dtype(), Dims{});
  require(fill.size() == 1, "constant_value must have one element");

  const Dims strides = strides_of(x.dims());
  std::vector<Dims> from;
  for (int d = 0; d < x.rank(); ++d)
    from.push_back(sources(mode, x.dim(d), pads.before[size_t(d)], y.dim(d)));
  const Mover move(y, x), pad(y, fill);
  const int64_t n = y.size();
  Counter at(y.dims(), {});
  for (int64_t i = 0; i < n; ++i, at.next()) {
    int64_t source = 0;
    bool inside = true;
    for (size_t d = 0; d < from.size(); ++d) {
      const int64_t f = from[d][size_t(at.index()[d])];
      inside = inside && f >= 0;
      source += f * strides[d];
    }
    if (inside)
      move(i, source);
    else
      pad(i, 0);
  }
}

const Register pad_op(Op{
    .name = "Pad",
    .since = 25,
    .doc = "elements added before and after: a constant, the edge, a reflection, or wrapped around",
    .inputs = {{"data", "T"},
               {"pads", "int64", HRT_PARAM_SHAPE},
               {"constant_value", "T", HRT_PARAM_OPTIONAL},
               {"axes", "Tind", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE}},
    .outputs = {{"output", "T"}},
    .attrs = {{"mode", HRT_ATTR_STRING, "constant"}},
    .types = {{"T", kAny}, {"Tind", kIndex}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
