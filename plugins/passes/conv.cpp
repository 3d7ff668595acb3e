// SPDX-License-Identifier: Apache-2.0
#include "conv.h"

#include <algorithm>
#include <cmath>

namespace hrt::passes {
namespace {

bool all_finite(std::span<const double> v) {
  return std::all_of(v.begin(), v.end(), [](double x) { return std::isfinite(x); });
}

// Which output channel each weight belongs to. Conv: (M, C/group, k...); ConvTranspose: (C, M/group,
// k...), where the rows of group g make the output channels of group g.
class ChannelOf {
 public:
  ChannelOf(const Node& conv, const Tensor& w) : transposed_(conv.is("ConvTranspose")) {
    const auto dims = w.dims();
    taps_ = element_count(dims.subspan(2));
    columns_ = dims[1];
    rows_in_group_ = dims[0] / conv.i("group", 1);
  }
  size_t operator()(int64_t i) const {
    const int64_t row = i / (columns_ * taps_), column = i / taps_ % columns_;
    return size_t(transposed_ ? row / rows_in_group_ * columns_ + column : row);
  }

 private:
  bool transposed_;
  int64_t taps_, columns_, rows_in_group_;
};

}  // namespace

std::optional<int64_t> output_channels(const Rewriter& r, const Node& conv) {
  const Value w = r.value(conv.input(1));
  const int64_t group = conv.i("group", 1);
  if (w.rank() < 3 || group < 1 || !all_numbers(w.dims())) return std::nullopt;
  const auto dims = w.dims();
  if (dims[0] < 1 || dims[1] < 1 || dims[0] % group != 0) return std::nullopt;
  return conv.is("ConvTranspose") ? dims[1] * group : dims[0];
}

bool fold_affine(Rewriter& r, const Node& conv, const Node& node, const Affine& affine) {
  const auto channels = output_channels(r, conv);
  const size_t count = affine.scale.size();
  if (!channels || size_t(*channels) != count || affine.shift.size() != count) return false;
  if (!all_finite(affine.scale) || !all_finite(affine.shift)) return false;
  const Value w = r.value(conv.input(1));
  const hrt_dtype dtype = w.dtype();
  if (!is_float(dtype)) return false;
  const bool scaled = std::any_of(affine.scale.begin(), affine.scale.end(), [](double s) { return s != 1; });

  std::vector<double> bias(count, 0.0);
  if (conv.has_input(2)) {
    const auto b = r.value(conv.input(2)).constant();
    if (!b || size_t(b->size()) != count) return false;
    bias = to_doubles(*b);
  }
  for (size_t c = 0; c < count; ++c) bias[c] = bias[c] * affine.scale[c] + affine.shift[c];

  std::vector<double> weights;
  if (scaled) {
    const auto data = w.constant();
    if (!data || (dtype != HRT_FLOAT32 && dtype != HRT_FLOAT64)) return false;
    weights = to_doubles(*data);
    const ChannelOf channel_of(conv, *data);
    for (size_t i = 0; i < weights.size(); ++i) weights[i] *= affine.scale[channel_of(int64_t(i))];
  }

  const Dims w_dims(w.dims().begin(), w.dims().end());
  std::vector<uint32_t> inputs = {conv.input(0), conv.input(1), HRT_NONE};
  const uint32_t conv_id = conv.id(), id = node.id();
  if (scaled) inputs[1] = r.add_floats(dtype, w_dims, weights);
  inputs[2] = r.add_floats(dtype, {*channels}, bias);
  const Node old = r.node(conv_id);
  const std::string op(old.op());
  r.replace(id, {.op = op.c_str(), .inputs = inputs, .attrs = attributes_of(old), .name = old.name()});
  return true;
}

}  // namespace hrt::passes
