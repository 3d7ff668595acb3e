// SPDX-License-Identifier: Apache-2.0
// Slice: a box cut out of a tensor, with steps. https://onnx.ai/onnx/operators/onnx__Slice.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

struct Cut {  // of one axis
  int64_t start = 0, step = 1, count = 0;
};

// Both ends count from the back when negative, then are clamped to what the direction can reach.
Cut cut(int64_t n, int64_t start, int64_t end, int64_t step) {
  require(step != 0, "a step is 0");
  auto place = [&](int64_t v, int64_t low, int64_t high) {
    if (v < 0) v = v < -n ? low : v + n;
    return std::clamp(v, low, high);
  };
  if (n == 0) return {0, step, 0};
  start = step > 0 ? place(start, 0, n) : place(start, 0, n - 1);
  end = step > 0 ? place(end, 0, n) : place(end, -1, n - 1);
  const int64_t distance = step > 0 ? end - start : start - end;
  const uint64_t stride = step > 0 ? uint64_t(step) : -uint64_t(step);
  return {start, step, distance > 0 ? int64_t(uint64_t(distance - 1) / stride) + 1 : 0};
}

// What one axis of the output has, where dimension or ends may be symbols.
int64_t count(const DimMath& m, int64_t n, int64_t start, int64_t end, int64_t step) {
  const bool to_end = is_number(end) ? end >= INT32_MAX : end == n && n != HRT_DIM_UNKNOWN;
  if (start == 0 && step == 1 && to_end) return n;
  if (start == 0 && step == 1 && end == 0) return 0;
  return m([](int64_t d, int64_t s, int64_t e, int64_t by) { return cut(d, s, e, by).count; }, n, start, end,
           step);
}

template <class Copy>
void slice(std::span<const int64_t> in, const std::vector<Cut>& cuts, Copy&& copy) {
  Dims out, steps;
  int64_t first = 0;
  const Dims strides = strides_of(in);
  for (size_t i = 0; i < in.size(); ++i) {
    out.push_back(cuts[i].count);
    steps.push_back(cuts[i].count > 1 ? cuts[i].step * strides[i] : 0);
    first += cuts[i].start * strides[i];
  }
  const int64_t n = element_count(out);
  Counter at(out, {steps});
  for (int64_t i = 0; i < n; ++i, at.next()) copy(i, first + at.offset(0), 1);
}

// Starts, ends and steps of every axis; those that are not named are whole.
struct Ranges {
  Dims starts, ends, steps;
  Ranges(size_t rank, const Dims& s, const Dims& e, std::optional<Dims> axes, std::optional<Dims> by)
      : starts(rank, 0), ends(rank, INT64_MAX), steps(rank, 1) {
    if (!axes) {
      axes.emplace();
      for (size_t i = 0; i < s.size(); ++i) axes->push_back(int64_t(i));
    }
    if (!by) by.emplace(s.size(), 1);
    require(s.size() == e.size() && s.size() == axes->size() && s.size() == by->size(),
            "starts, ends, axes and steps have different lengths");
    const Dims at = normalise_axes(*axes, int64_t(rank));
    for (size_t i = 0; i < s.size(); ++i) {
      starts[size_t(at[i])] = s[i];
      ends[size_t(at[i])] = e[i];
      steps[size_t(at[i])] = (*by)[i];
    }
  }
};

void infer(const Infer& c) {
  const auto in = c.dims(0);
  if (!in) return output_unranked(c);
  const auto starts = dims_from(c, 1), ends = dims_from(c, 2);
  const auto axes = c.has(3) ? dims_from(c, 3) : std::nullopt;
  const auto steps = c.has(4) ? dims_from(c, 4) : std::nullopt;
  if (!starts || !ends || (c.has(3) && (!axes || !all_numbers(*axes))) || (c.has(4) && !steps))
    return output_rank(c, in->size());
  const Ranges r(in->size(), *starts, *ends, axes, steps);
  Dims out;
  for (size_t i = 0; i < in->size(); ++i)
    out.push_back(count(DimMath(c), (*in)[i], r.starts[i], r.ends[i], r.steps[i]));
  c.output(0, TensorType(c.dtype(0), out));
  if (!all_numbers(*in) || !all_numbers(r.starts) || !all_numbers(r.ends) || !all_numbers(r.steps)) return;
  std::vector<Cut> cuts;
  for (size_t i = 0; i < in->size(); ++i) cuts.push_back(cut((*in)[i], r.starts[i], r.ends[i], r.steps[i]));
  track_moves(c, out, [&](auto&& copy) { slice(*in, cuts, copy); });
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  std::optional<Dims> axes, steps;
  if (c.has(3)) axes = to_int64s(c.input(3));
  if (c.has(4)) steps = to_int64s(c.input(4));
  const Ranges r(size_t(x.rank()), to_int64s(c.input(1)), to_int64s(c.input(2)), axes, steps);
  std::vector<Cut> cuts;
  Dims out;
  for (size_t i = 0; i < size_t(x.rank()); ++i) {
    cuts.push_back(cut(x.dim(int(i)), r.starts[i], r.ends[i], r.steps[i]));
    out.push_back(cuts.back().count);
  }
  slice(x.dims(), cuts, Mover(c.output(0, x.dtype(), out), x));
}

const Register slice_op(Op{
    .name = "Slice",
    .since = 13,
    .doc = "a box cut out of a tensor, with steps",
    .inputs = {{"data", "T"},
               {"starts", "Tind", HRT_PARAM_SHAPE},
               {"ends", "Tind", HRT_PARAM_SHAPE},
               {"axes", "Tind", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE},
               {"steps", "Tind", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE}},
    .outputs = {{"output", "T"}},
    .types = {{"T", kAny}, {"Tind", kIndex}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
