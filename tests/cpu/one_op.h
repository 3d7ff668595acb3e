// SPDX-License-Identifier: Apache-2.0
// One operator through the CPU backend, and what its tests compare with: plain loops over indices.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>

#include "tests/cpu/host.h"

namespace hrt::test {

// Runs one node; throws Failure. Bit i of constants: input i is a constant of the graph. An input of dtype
// HRT_UNDEFINED is absent.
inline std::vector<Data> try_ops(const std::string& isa, const std::string& op, const std::vector<Data>& in,
                                 const std::vector<Out>& out, const std::vector<Attr>& attrs = {},
                                 uint32_t constants = 0, int threads = 1) {
  Model m;
  std::vector<uint32_t> ids;
  std::vector<Data> inputs;
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i].dtype == HRT_UNDEFINED) {
      ids.push_back(HRT_NONE);
    } else if (constants >> i & 1) {
      ids.push_back(m.constant(in[i]));
    } else {
      ids.push_back(m.input(in[i].dims, in[i].dtype));
      inputs.push_back(in[i]);
    }
  }
  const uint32_t first = m.node(op, ids, out, attrs);
  for (size_t i = 0; i < out.size(); ++i) m.output(first + uint32_t(i));
  return backend(isa).run(m, inputs, threads);
}

// The same, where a failure fails the test.
inline std::vector<Data> run_ops(const std::string& isa, const std::string& op, const std::vector<Data>& in,
                                 const std::vector<Out>& out, const std::vector<Attr>& attrs = {},
                                 uint32_t constants = 0, int threads = 1) {
  try {
    return try_ops(isa, op, in, out, attrs, constants, threads);
  } catch (const Failure& f) {
    ADD_FAILURE() << op << ": " << f.message;
    std::vector<Data> zeros;
    for (const Out& o : out) zeros.emplace_back(o.dtype, o.dims);
    return zeros;
  }
}

inline Data run_op(const std::string& isa, const std::string& op, const std::vector<Data>& in, const Out& out,
                   const std::vector<Attr>& attrs = {}, uint32_t constants = 0, int threads = 1) {
  return run_ops(isa, op, in, {out}, attrs, constants, threads)[0];
}

// The same with a 1x1 convolution by the identity in front of input 0, which leaves it in the
// channel-blocked layout. Other inputs are constants.
inline Data run_blocked(const std::string& isa, const std::string& op, const std::vector<Data>& in,
                        const Out& out, const std::vector<Attr>& attrs = {}) {
  Model m;
  const int64_t channels = in[0].dims[1];
  Dims kernel(in[0].dims.size(), 1);
  kernel[0] = kernel[1] = channels;
  Data identity(HRT_FLOAT32, kernel);
  for (int64_t c = 0; c < channels; ++c) identity.as<float>()[c * channels + c] = 1;
  const uint32_t x = m.node("Conv", {m.input(in[0].dims), m.constant(identity)}, in[0].dims);
  std::vector<uint32_t> ids = {x};
  for (size_t i = 1; i < in.size(); ++i)
    ids.push_back(in[i].dtype == HRT_UNDEFINED ? HRT_NONE : m.constant(in[i]));
  m.output(m.node(op, ids, std::vector<Out>{out}, attrs));
  try {
    return backend(isa).run(m, {in[0]})[0];
  } catch (const Failure& f) {
    ADD_FAILURE() << op << ": " << f.message;
    return Data(out.dtype, out.dims);
  }
}

inline Data absent() {
  Data d;
  d.dtype = HRT_UNDEFINED;
  return d;
}

inline Data ints(const std::vector<int64_t>& v) { return Data(Dims{int64_t(v.size())}, v); }

inline std::string refusal(const std::string& isa, const std::string& op, const std::vector<Data>& in,
                           const Out& out, const std::vector<Attr>& attrs = {}) {
  try {
    try_ops(isa, op, in, {out}, attrs);
  } catch (const Failure& f) {
    return f.message;
  }
  return "";
}

template <class T>
bool same_bits(const T& a, const T& b) {  // of a NaN and of zeros too
  return std::memcmp(static_cast<const void*>(&a), static_cast<const void*>(&b), sizeof(T)) == 0;
}

// Calls f(index) for every index of a shape, in row-major order.
inline void for_each(const Dims& dims, const std::function<void(const Dims&)>& f) {
  Dims at(dims.size(), 0);
  for (int64_t n = count(dims); n > 0; --n) {
    f(at);
    for (size_t d = dims.size(); d-- > 0;) {
      if (++at[d] < dims[d]) break;
      at[d] = 0;
    }
  }
}

// Row-major position; an axis of size 1 takes any index, and leading axes may be missing (broadcasting).
inline int64_t offset(const Dims& dims, const Dims& at) {
  int64_t o = 0;
  const size_t skip = at.size() - dims.size();
  for (size_t d = 0; d < dims.size(); ++d) o = o * dims[d] + (dims[d] == 1 ? 0 : at[skip + d]);
  return o;
}

inline Dims broadcast(const Dims& a, const Dims& b) {
  Dims out(std::max(a.size(), b.size()), 1);
  for (const Dims* d : {&a, &b})
    for (size_t i = 0; i < d->size(); ++i) {
      int64_t& o = out[out.size() - d->size() + i];
      if ((*d)[i] != 1) o = (*d)[i];
    }
  return out;
}

// How far got is from want, in units of the last place of the float nearest to want.
inline double ulps(float got, double want) {
  if (std::isnan(want)) return std::isnan(got) ? 0 : INFINITY;
  const float nearest = float(want);
  if (std::isinf(nearest) || std::isinf(got)) return got == nearest ? 0 : INFINITY;
  const int exponent = want == 0 ? -126 : std::max(std::ilogb(want), -126);
  return std::fabs(double(got) - want) / std::ldexp(1.0, exponent - 23);
}

// Compares with doubles: |got - want| <= atol + rtol |want|; NaN and infinities must agree.
inline void expect_near(const Data& got, const std::vector<double>& want, double rtol, double atol,
                        const std::string& what) {
  ASSERT_EQ(size_t(count(got.dims)), want.size()) << what;
  for (size_t i = 0; i < want.size(); ++i) {
    const float g = got.as<float>()[i];
    if (std::isnan(want[i])          ? std::isnan(g)
        : std::isinf(float(want[i])) ? g == float(want[i])
                                     : std::fabs(g - want[i]) <= atol + rtol * std::fabs(want[i]))
      continue;
    FAIL() << what << ": element " << i << " is " << g << ", not " << want[i];
  }
}

class CpuOp : public testing::TestWithParam<std::string> {
 protected:
  const std::string& isa() const { return GetParam(); }
  std::mt19937 gen{12345};
  int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(gen); }
  Dims random_dims(int64_t rank, int64_t most) {
    Dims d;
    for (int64_t i = 0; i < rank; ++i) d.push_back(pick(1, most));
    return d;
  }
  // Elements of any type: all bits random.
  Data random_bits(hrt_dtype t, const Dims& dims) {
    Data d(t, dims);
    for (std::byte& b : d.bytes) b = std::byte(pick(0, 255));
    return d;
  }
};

#define HRT_FOR_EACH_ISA(suite) \
  INSTANTIATE_TEST_SUITE_P(Isa, suite, testing::ValuesIn(isas()), [](const auto& i) { return i.param; })

}  // namespace hrt::test
