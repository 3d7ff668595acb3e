// SPDX-License-Identifier: Apache-2.0
// What element-wise operators share: the walk over broadcast tensors, loops over one, two or several
// operands, integer arithmetic without undefined cases, and shape arithmetic during inference.
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>

#include "op.h"

namespace hrt::ops {

// Several tensors broadcast to one shape, read as rows: neighbouring axes over which all of them advance
// evenly are merged, so that the inner loop is as long as it can be.
class Rows {
 public:
  using Shapes = std::vector<std::span<const int64_t>>;
  Rows(std::span<const int64_t> to, const Shapes& shapes);

  int64_t length() const { return length_; }                   // elements in a row
  int64_t step(size_t tensor) const { return step_[tensor]; }  // from one element of a row to the next

  // Calls f(o, at) for each row: o is its offset in the result, at.offset(t) that in tensor t.
  template <class F>
  void each(F&& f) const {
    Counter at(dims_, strides_);
    for (int64_t i = 0; i < count_; ++i, at.next()) f(i * length_, std::as_const(at));
  }

 private:
  Dims dims_;  // of the axes outside the row
  std::vector<Dims> strides_;
  Dims step_;
  int64_t length_ = 1;
  int64_t count_ = 1;
};

// y[i] = f(x[i]) over the output 0 of the same type.
template <class Types, class F>
void map(const Kernel& c, Types types, F f) {
  const Tensor x = c.input(0);
  dispatch(types, x.dtype(), [&]<class T>() {
    const Tensor y = c.output(0, x.dtype(), x.dims());
    const T* in = x.data<T>();
    T* out = y.data<T>();
    for (int64_t i = 0, n = x.size(); i < n; ++i) out[i] = T(f(acc_t<T>(in[i])));
  });
}

// y[i] = f(a[i], b[i]), broadcast; y has its shape already.
template <class A, class B, class R, class F>
void zip(const Tensor& a, const Tensor& b, const Tensor& y, F f) {
  const Rows rows(y.dims(), {a.dims(), b.dims()});
  rows.each([&](int64_t o, const Counter& at) {
    const A* pa = a.data<A>() + at.offset(0);
    const B* pb = b.data<B>() + at.offset(1);
    R* py = y.data<R>() + o;
    const int64_t sa = rows.step(0), sb = rows.step(1);
    for (int64_t i = 0; i < rows.length(); ++i) py[i] = R(f(acc_t<A>(pa[i * sa]), acc_t<B>(pb[i * sb])));
  });
}

// The same for a whole operator with two inputs of one type, whose output has that type too.
template <class Types, class F>
void zip(const Kernel& c, Types types, F f) {
  const Tensor a = c.input(0), b = c.input(1);
  dispatch(types, a.dtype(),
           [&]<class T>() { zip<T, T, T>(a, b, c.output(0, a.dtype(), broadcast(a.dims(), b.dims())), f); });
}

// Integers wrap around as in numpy: compute in wrap_t, where overflow is defined, and convert back.
template <class T>
using wrap_t = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;

// Rounds towards zero; what lies outside T becomes its nearest end, NaN becomes 0.
template <class T>
T to_integer(double v) {
  if (v != v) return 0;
  if (v <= double(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  if (v >= double(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  return T(v);
}

// ---------------------------------------------------------------------------- shape arithmetic

// The elements of an integer or boolean input of rank 0 or 1, as far as inference knows them.
std::optional<Dims> small_values(const Infer& c, uint32_t input);
// Says the elements of output 0, unless its type is not int32, int64 or bool.
void set_small_values(const Infer& c, hrt_dtype dtype, Dims values);

// One element from two: numbers compute (nothing: not defined, or it overflows), anything with an unknown
// is unknown, the rest is a fresh symbol.
int64_t combine(const Infer& c, int64_t a, int64_t b, std::optional<int64_t> (*f)(int64_t, int64_t));

// When all inputs are such tensors, output element i is f(elements i of the inputs).
template <class F>
void propagate(const Infer& c, hrt_dtype dtype, F f) {
  std::vector<Dims> in;
  size_t n = 1;
  for (uint32_t i = 0; i < c.input_count(); ++i) {
    auto v = small_values(c, i);
    if (!v || (v->size() != 1 && n != 1 && v->size() != n)) return;
    if (v->size() != 1) n = v->size();
    in.push_back(std::move(*v));
  }
  Dims out(n), at(in.size());
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < in.size(); ++k) at[k] = in[k][in[k].size() == 1 ? 0 : i];
    out[i] = f(std::as_const(at));
  }
  set_small_values(c, dtype, std::move(out));
}

}  // namespace hrt::ops
