// SPDX-License-Identifier: Apache-2.0
// What If, Loop, Scan and SequenceMap share: inference of nested bodies, and outputs that grow by one
// slice an iteration.
#pragma once

#include "elements.h"
#include "types.h"

namespace hrt::ops {

inline Graph body_of(const Node& node, const char* attr) {
  const Attr a = node.attr(attr);
  require(a.c().graph != nullptr, "attribute ", attr, " holds no graph");
  return Graph(a.c().graph);
}

// The types of a body's outputs for these inputs; an entry is NULL while nothing is known.
inline std::vector<const hrt_type*> infer_body(const Infer& c, const char* attr,
                                               std::span<const hrt_type* const> inputs) {
  std::vector<const hrt_type*> out(body_of(c.node(), attr).outputs().size(), nullptr);
  check(g_host.infer->infer_body(c.c(), attr, inputs.data(), inputs.size(), out.data(), out.size()));
  return out;
}

// The values of one scan output, an iteration each.
class Stack {
 public:
  explicit Stack(const Kernel& c) : c_(c) {}
  void push(const hrt_value* v) { slices_.push_back(v); }

  // Writes them along a new axis. model: the type that the body declares, for when there are none.
  void write(uint32_t output, int64_t axis, bool reversed, const hrt_type& model) {
    const int64_t n = int64_t(slices_.size());
    const TensorType slice = n ? type_of(slices_[0]) : declared(model);
    const size_t at = size_t(normalise_axis(axis, int64_t(slice.dims.size()) + 1));
    Dims dims = slice.dims;
    dims.insert(dims.begin() + int64_t(at), n);
    const Tensor y = c_.output(output, slice.dtype, dims);
    const int64_t outer = element_count(std::span(slice.dims).first(at));
    const int64_t inner = element_count(std::span(slice.dims).subspan(at));
    for (int64_t i = 0; i < n; ++i) {
      const hrt_value* v = slices_[size_t(reversed ? n - 1 - i : i)];
      const Tensor x = Kernel::tensor_of(v);
      require(x.dtype() == slice.dtype && std::ranges::equal(x.dims(), slice.dims), "scan output ", output,
              " changes from ", slice.dims, " to ", x.dims(), " between iterations");
      const Mover move(y, x);
      for (int64_t o = 0; o < outer; ++o) move((o * n + i) * inner, o * inner, inner);
    }
  }

 private:
  static TensorType type_of(const hrt_value* v) {
    const Tensor t = Kernel::tensor_of(v);
    return {t.dtype(), Dims(t.dims().begin(), t.dims().end())};
  }
  static TensorType declared(const hrt_type& t) {
    TensorType out(t.dtype, Dims(t.dims, t.dims + std::max(t.rank, 0)));
    for (int64_t& d : out.dims)
      if (!is_number(d)) d = 0;
    return out;
  }
  const Kernel& c_;
  std::vector<const hrt_value*> slices_;
};

}  // namespace hrt::ops
