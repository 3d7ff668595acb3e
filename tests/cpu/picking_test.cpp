// SPDX-License-Identifier: Apache-2.0
// Operators that pick elements by indices, values or positions, against loops written out element by element.
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

class CpuPicking : public CpuOp {
 protected:
  Data random_indices(const Dims& dims, int64_t axis, bool wide = true) {
    Data d(wide ? HRT_INT64 : HRT_INT32, dims);
    for (int64_t i = 0; i < count(dims); ++i) {
      const int64_t v = pick(-axis, axis - 1);
      wide ? void(d.as<int64_t>()[i] = v) : void(d.as<int32_t>()[i] = int32_t(v));
    }
    return d;
  }
  // Few different values, so that there are ties, and what floats have beside numbers.
  template <class T>
  Data random_values(const Dims& dims) {
    std::vector<T> v;
    for (int64_t i = 0; i < count(dims); ++i)
      v.push_back(T(float(pick(0, 60) - (std::is_unsigned_v<T> ? 0 : 30))));
    if constexpr (!std::is_integral_v<T>)
      for (const float special : {kInf, -kInf, kNan, -0.0f, 1e-40f})
        if (!v.empty()) v[size_t(pick(0, int64_t(v.size()) - 1))] = T(special);
    return Data(dims, v);
  }
};

int64_t index_at(const Data& d, int64_t i, int64_t axis) {
  const int64_t k = d.dtype == HRT_INT64 ? d.as<int64_t>()[i] : d.as<int32_t>()[i];
  return k < 0 ? k + axis : k;
}

const hrt_dtype kTypes[] = {HRT_UINT8, HRT_FLOAT16, HRT_FLOAT32, HRT_INT64, HRT_COMPLEX128};

// ------------------------------------------------------------------------------------------ TopK

template <class T>
void check_top_k(const std::string& isa, const Data& x, int64_t axis, int64_t k, bool largest, int threads) {
  const size_t at = size_t(axis < 0 ? axis + int64_t(x.dims.size()) : axis);
  const int64_t n = x.dims[at];
  Dims out = x.dims;
  out[at] = k;
  const auto got = run_ops(isa, "TopK", {x, ints({k})}, {Out(out, x.dtype), Out(out, HRT_INT64)},
                           {{"axis", axis}, {"largest", int(largest)}}, threads % 2 ? 2 : 0, threads);
  const auto above = [](float a, float b) { return a > b || (std::isnan(a) && !std::isnan(b)); };
  for_each(out, [&](const Dims& to) {
    if (to[at] != 0) return;
    const auto place = [&](int64_t i) {
      Dims from = to;
      from[at] = i;
      return offset(x.dims, from);
    };
    const auto value = [&](int64_t i) { return float(x.as<T>()[place(i)]); };
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return largest ? above(value(a), value(b)) : above(value(b), value(a));
    });
    for (int64_t j = 0; j < k; ++j) {
      Dims there = to;
      there[at] = j;
      const int64_t o = offset(out, there), want = order[size_t(j)];
      ASSERT_EQ(got[1].as<int64_t>()[o], want)
          << dtype_name(x.dtype) << " k " << k << " of " << n << ", place " << j;
      ASSERT_TRUE(same_bits(got[0].as<T>()[o], x.as<T>()[place(want)]));
    }
  });
}

TEST_P(CpuPicking, TopKIsWrong) {
  const auto check = [&]<class T>(T) {
    for (int round = 0; round < 8; ++round) {
      const bool largest = round % 2;
      const Data x = random_values<T>(random_dims(pick(1, 3), 40));
      const int64_t axis = pick(-int64_t(x.dims.size()), int64_t(x.dims.size()) - 1);
      const int64_t n = x.dims[size_t(axis < 0 ? axis + int64_t(x.dims.size()) : axis)];
      check_top_k<T>(isa(), x, axis, pick(1, n), largest, 1 + round % 2);
    }
    const Data line = random_values<T>({3, 2000}), across = random_values<T>({2000, 19});
    for (const int64_t k : {1, 7, 100, 700, 2000}) {
      check_top_k<T>(isa(), line, -1, k, k % 2, 2);
      check_top_k<T>(isa(), across, 0, k, k % 2 == 0, 1);
    }
  };
  check(float());
  check(double());
  check(float16());
  check(bfloat16());
  check(int8_t());
  check(uint8_t());
  check(int16_t());
  check(uint16_t());
  check(int32_t());
  check(uint32_t());
  check(int64_t());
  check(uint64_t());
}

TEST_P(CpuPicking, TopKOfOrderedOrExtremeValuesIsWrong) {
  std::vector<float> rising(5000), falling(5000);
  for (size_t i = 0; i < rising.size(); ++i) falling[i] = -(rising[i] = float(i) - 2500);
  for (const auto& v : {rising, falling, std::vector<float>(5000, 3.0f), std::vector<float>(5000, kNan)})
    for (const bool largest : {false, true})
      check_top_k<float>(isa(), Data(Dims{5000}, v), 0, 300, largest, 1);
  const std::vector<int64_t> wide = {INT64_MIN, INT64_MAX, 0, -1, INT64_MIN + 1};
  const auto got = run_ops(isa(), "TopK", {Data(Dims{5}, wide), ints({5})},
                           {Out(Dims{5}, HRT_INT64), Out(Dims{5}, HRT_INT64)});
  EXPECT_EQ(got[1].vector<int64_t>(), (std::vector<int64_t>{1, 2, 3, 4, 0}));
  const std::vector<uint64_t> far = {0, UINT64_MAX, uint64_t(1) << 63, 1};
  EXPECT_EQ(run_ops(isa(), "TopK", {Data(Dims{4}, far), ints({4})},
                    {Out(Dims{4}, HRT_UINT64), Out(Dims{4}, HRT_INT64)})[1]
                .vector<int64_t>(),
            (std::vector<int64_t>{1, 2, 3, 0}));
}

TEST_P(CpuPicking, HostileTopKIsTaken) {
  const Data x = random({4, 5}, 1);
  const auto message = [&](const Data& k, const Dims& out, int64_t axis) {
    try {
      try_ops(isa(), "TopK", {x, k}, {Out(out), Out(out, HRT_INT64)}, {{"axis", axis}});
    } catch (const Failure& f) {
      return f.message;
    }
    return std::string();
  };
  EXPECT_EQ(message(ints({2}), {4, 2}, -1), "");
  EXPECT_NE(message(ints({6}), {4, 6}, -1).find("TopK"), std::string::npos);
  EXPECT_NE(message(ints({-1}), {4, 2}, -1), "");
  EXPECT_NE(message(ints({2, 2}), {4, 2}, -1), "");
  EXPECT_NE(message(ints({2}), {4, 2}, 7), "");
}

// --------------------------------------------------------------------------------- Gather family

TEST_P(CpuPicking, GatherElementsIsWrong) {
  for (const hrt_dtype t : kTypes)
    for (int round = 0; round < 30; ++round) {
      const int64_t rank = pick(1, 4);
      const Data x = random_bits(t, random_dims(rank, 9));
      const int64_t axis = pick(0, rank - 1);
      Dims out = x.dims;
      for (int64_t& d : out)
        if (round % 2) d = pick(1, d);
      out[size_t(axis)] = pick(1, 12);
      const Data index = random_indices(out, x.dims[size_t(axis)], round % 3);
      const Data y = run_op(isa(), "GatherElements", {x, index}, Out(out, t),
                            {{"axis", axis - rank * (round % 2)}}, 0, 2);
      const size_t width = dtype_bits(t) / 8;
      int64_t i = 0;
      for_each(out, [&](Dims at) {
        at[size_t(axis)] = index_at(index, i, x.dims[size_t(axis)]);
        ASSERT_EQ(std::memcmp(y.bytes.data() + size_t(i++) * width,
                              x.bytes.data() + size_t(offset(x.dims, at)) * width, width),
                  0);
      });
    }
}

TEST_P(CpuPicking, GatherNDIsWrong) {
  for (const hrt_dtype t : kTypes)
    for (int round = 0; round < 30; ++round) {
      const int64_t rank = pick(1, 4), batch = pick(0, rank - 1), depth = pick(0, rank - batch);
      const Data x = random_bits(t, random_dims(rank, 6));
      Dims lead(x.dims.begin(), x.dims.begin() + batch), out = lead, index_dims = lead;
      for (const int64_t d : random_dims(pick(0, 2), 5)) out.push_back(d), index_dims.push_back(d);
      index_dims.push_back(depth);
      out.insert(out.end(), x.dims.begin() + batch + depth, x.dims.end());
      Data index(HRT_INT64, index_dims);
      for (int64_t i = 0; i < count(index_dims); ++i) {
        const int64_t n = x.dims[size_t(batch + i % depth)];
        index.as<int64_t>()[i] = pick(-n, n - 1);
      }
      const Data y = run_op(isa(), "GatherND", {x, index}, Out(out, t), {{"batch_dims", batch}}, 0, 2);
      const size_t width = dtype_bits(t) / 8, tuple_rank = index_dims.size() - 1;
      int64_t i = 0;
      for_each(out, [&](const Dims& at) {
        Dims from(at.begin(), at.begin() + batch), tuple(at.begin(), at.begin() + int64_t(tuple_rank));
        tuple.push_back(0);
        for (int64_t d = 0; d < depth; ++d) {
          tuple.back() = d;
          int64_t flat = 0;
          for (size_t a = 0; a < tuple.size(); ++a) flat = flat * index_dims[a] + tuple[a];
          from.push_back(index_at(index, flat, x.dims[size_t(batch + d)]));
        }
        from.insert(from.end(), at.begin() + int64_t(tuple_rank), at.end());
        int64_t flat = 0;
        for (size_t a = 0; a < from.size(); ++a) flat = flat * x.dims[a] + from[a];
        ASSERT_EQ(
            std::memcmp(y.bytes.data() + size_t(i++) * width, x.bytes.data() + size_t(flat) * width, width),
            0);
      });
    }
}

// -------------------------------------------------------------------------------- Scatter family

template <class T>
T met(const std::string& how, T a, T b) {
  if constexpr (!std::is_arithmetic_v<T>) {
    return T(met<float>(how, a, b));
  } else {
    using W = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
    if (how == "add") return T(W(a) + W(b));
    if (how == "mul") return T(W(a) * W(b));
    if (how == "max") return b > a || b != b ? b : a;
    if (how == "min") return b < a || b != b ? b : a;
    return b;
  }
}

template <class T>
void expect_same(const Data& got, const std::vector<T>& want, const std::string& what) {
  for (size_t i = 0; i < want.size(); ++i) {
    const float a = float(got.as<T>()[i]), b = float(want[i]);
    if (std::isnan(a) && std::isnan(b)) continue;
    ASSERT_TRUE(same_bits(got.as<T>()[i], want[i]))
        << what << ": element " << i << " is " << a << ", not " << b;
  }
}

const char* const kReductions[] = {"none", "add", "mul", "max", "min"};

TEST_P(CpuPicking, ScatterElementsIsWrong) {
  const auto check = [&]<class T>(T) {
    for (int round = 0; round < 30; ++round) {
      const int64_t rank = pick(1, 4);
      const Data x = random_values<T>(random_dims(rank, round == 0 ? 40 : 7));
      const int64_t axis = pick(0, rank - 1), n = x.dims[size_t(axis)];
      Dims dims = x.dims;
      for (int64_t& d : dims)
        if (round % 2) d = pick(1, d);
      dims[size_t(axis)] = pick(1, 12);
      const Data index = random_indices(dims, n, round % 3), update = random_values<T>(dims);
      const std::string how = kReductions[round % 5];
      std::vector<T> want = x.vector<T>();
      int64_t i = 0;
      for_each(dims, [&](Dims at) {
        at[size_t(axis)] = index_at(index, i, n);
        T& e = want[size_t(offset(x.dims, at))];
        e = met<T>(how, e, update.as<T>()[i++]);
      });
      for (const int threads : {1, 2})
        expect_same(run_op(isa(), "ScatterElements", {x, index, update}, Out(x.dims, x.dtype),
                           {{"axis", axis}, {"reduction", how}}, 0, threads),
                    want, how);
    }
  };
  check(float());
  check(double());
  check(float16());
  check(bfloat16());
  check(uint8_t());
  check(int16_t());
  check(int32_t());
  check(int64_t());
  check(uint64_t());
}

TEST_P(CpuPicking, ScatterNDIsWrong) {
  const auto check = [&]<class T>(T) {
    for (int round = 0; round < 30; ++round) {
      const int64_t rank = pick(1, 4), depth = pick(0, rank);
      Dims dims = random_dims(rank, 6);
      if (round % 3 == 0) dims.back() = 700;
      const Data x = random_values<T>(dims);
      Dims index_dims = random_dims(pick(0, 2), 5), update_dims = index_dims;
      index_dims.push_back(depth);
      update_dims.insert(update_dims.end(), dims.begin() + depth, dims.end());
      const Dims slice_dims(dims.begin() + depth, dims.end());
      const int64_t slice = count(slice_dims);
      Data index(HRT_INT64, index_dims);
      for (int64_t i = 0; i < count(index_dims); ++i) {
        const int64_t n = dims[size_t(i % depth)];
        index.as<int64_t>()[i] = pick(-n, n - 1);
      }
      const Data update = random_values<T>(update_dims);
      const std::string how = kReductions[round % 5];
      std::vector<T> want = x.vector<T>();
      for (int64_t t = 0; t < count(update_dims) / slice; ++t) {
        int64_t at = 0;
        for (int64_t d = 0; d < depth; ++d)
          at = at * dims[size_t(d)] + index_at(index, t * depth + d, dims[size_t(d)]);
        for (int64_t i = 0; i < slice; ++i) {
          T& e = want[size_t(at * slice + i)];
          e = met<T>(how, e, update.as<T>()[t * slice + i]);
        }
      }
      for (const int threads : {1, 2})
        expect_same(run_op(isa(), "ScatterND", {x, index, update}, Out(dims, x.dtype), {{"reduction", how}},
                           0, threads),
                    want, how);
    }
  };
  check(float());
  check(float16());
  check(int8_t());
  check(int64_t());
}

// The updates are the data themselves: in place they would be overwritten while they are still read.
TEST_P(CpuPicking, ScatterOverItsOwnUpdatesIsWrong) {
  Model m;
  const uint32_t x = m.node("Neg", {m.input({4})}, {4});
  m.output(m.node("ScatterElements", {x, m.constant(ints({3, 2, 1, 0})), x}, {4}));
  const Data y = backend(isa()).run(m, {Data(Dims{4}, std::vector<float>{1, 2, 3, 4})})[0];
  EXPECT_EQ(y.floats(), (std::vector<float>{-4, -3, -2, -1}));
}

TEST_P(CpuPicking, TensorScatterIsWrong) {
  for (int round = 0; round < 40; ++round) {
    const int64_t rank = pick(2, 4), axis = pick(1, rank - 1);
    Dims dims = random_dims(rank, 6), update_dims = dims;
    const int64_t length = dims[size_t(axis)], steps = update_dims[size_t(axis)] = pick(1, length);
    const bool circular = round % 2;
    const Data past = random_values<float>(dims), update = random_values<float>(update_dims);
    std::vector<int64_t> begin;
    for (int64_t i = 0; i < dims[0]; ++i)
      begin.push_back(circular ? pick(0, 3 * length) : pick(0, length - steps));
    if (round % 5 == 0) std::fill(begin.begin(), begin.end(), 0);
    std::vector<float> want = past.floats();
    int64_t i = 0;
    for_each(update_dims, [&](Dims at) {
      at[size_t(axis)] = (at[size_t(axis)] + begin[size_t(at[0])]) % length;
      want[size_t(offset(dims, at))] = update.as<float>()[i++];
    });
    expect_same(run_op(isa(), "TensorScatter", {past, update, round % 5 ? ints(begin) : absent()}, Out(dims),
                       {{"axis", axis}, {"mode", circular ? "circular" : "linear"}}, 0, 2),
                want, "TensorScatter");
  }
}

TEST_P(CpuPicking, IndexOutOfRangeIsNoError) {
  const Data x = random({3, 2}, 1), row = random({1, 2}, 2);
  for (const int64_t bad : {int64_t(3), int64_t(-4), INT64_MAX, INT64_MIN}) {
    const Data index(Dims{1, 2}, std::vector<int64_t>{0, bad}), tuple(Dims{1, 1}, std::vector<int64_t>{bad});
    const auto names = [&](const char* op, const std::string& message) {
      EXPECT_NE(message.find(std::to_string(bad)), std::string::npos) << op << ": " << message;
      EXPECT_NE(message.find(op), std::string::npos) << message;
    };
    names("GatherElements", refusal(isa(), "GatherElements", {x, index}, Out({1, 2})));
    names("ScatterElements", refusal(isa(), "ScatterElements", {x, index, row}, Out({3, 2})));
    names("GatherND", refusal(isa(), "GatherND", {x, tuple}, Out({1, 2})));
    names("ScatterND", refusal(isa(), "ScatterND", {x, tuple, row}, Out({3, 2})));
  }
  const Data cache = random({2, 4, 3}, 1), step = random({2, 2, 3}, 2);
  for (const int64_t bad : {int64_t(3), int64_t(-1), INT64_MAX})
    EXPECT_NE(refusal(isa(), "TensorScatter", {cache, step, ints({0, bad})}, Out({2, 4, 3})), "");
}

TEST_P(CpuPicking, ShapesThatDoNotFitAreTaken) {
  const Data x = random({3, 2}, 1), big(HRT_INT64, {3, 3}), index(HRT_INT64, {1, 2});
  EXPECT_NE(refusal(isa(), "GatherElements", {x, big}, Out({3, 3}), {{"axis", 0}}), "");
  EXPECT_NE(refusal(isa(), "GatherElements", {x, index}, Out({1, 2}), {{"axis", 2}}), "");
  EXPECT_NE(refusal(isa(), "GatherND", {x, index}, Out(Dims{1}), {{"batch_dims", 1}}), "");
  EXPECT_NE(refusal(isa(), "GatherND", {x, index}, Out(Dims{1}), {{"batch_dims", -1}}), "");
  EXPECT_NE(refusal(isa(), "ScatterND", {x, index, random({2}, 1)}, Out({3, 2})), "");
  EXPECT_NE(refusal(isa(), "ScatterElements", {x, index, random({2, 1}, 1)}, Out({3, 2})), "");
  EXPECT_NE(
      refusal(isa(), "ScatterElements", {x, index, random({1, 2}, 1)}, Out({3, 2}), {{"reduction", "mean"}}),
      "");
}

// ------------------------------------------------------------------------------ along an axis

TEST_P(CpuPicking, CumulativeIsWrong) {
  const auto check = [&]<class T>(T) {
    for (int round = 0; round < 24; ++round) {
      const int64_t rank = pick(1, 4), axis = pick(0, rank - 1);
      const Dims dims = random_dims(rank, round % 2 ? 90 : 6);
      if (count(dims) > 100000) continue;
      const Data x = random_values<T>(dims);
      const bool exclusive = pick(0, 1), reverse = pick(0, 1), add = round % 3;
      using A = std::conditional_t<std::is_integral_v<T>, uint64_t,
                                   std::conditional_t<std::is_arithmetic_v<T>, T, float>>;
      std::vector<T> want(size_t(count(dims)));
      for_each(dims, [&](const Dims& at) {
        if (at[size_t(axis)] != 0) return;
        A sum = add ? 0 : 1;
        const int64_t n = dims[size_t(axis)];
        for (int64_t k = 0; k < n; ++k) {
          Dims here = at;
          here[size_t(axis)] = reverse ? n - 1 - k : k;
          const size_t o = size_t(offset(dims, here));
          const A v = A(x.as<T>()[o]), next = add ? A(sum + v) : A(sum * v);
          want[o] = T(exclusive ? sum : next);
          sum = next;
        }
      });
      expect_same(
          run_op(isa(), add ? "CumSum" : "CumProd",
                 {x, Data(Dims{}, std::vector<int64_t>{axis - (round % 2) * rank})}, Out(dims, x.dtype),
                 {{"exclusive", int(exclusive)}, {"reverse", int(reverse)}}, 0, 2),
          want, "cumulative");
    }
  };
  check(float());
  check(double());
  check(float16());
  check(int32_t());
  check(uint64_t());
  EXPECT_NE(refusal(isa(), "CumSum", {random({2}, 1), ints({3})}, Out(Dims{2})), "");
}

TEST_P(CpuPicking, ArgExtremeOfOtherTypesIsWrong) {
  const auto check = [&]<class T>(T) {
    for (int round = 0; round < 16; ++round) {
      const int64_t rank = pick(1, 3), axis = pick(0, rank - 1);
      const Dims dims = random_dims(rank, 80);
      std::vector<T> v;
      for (int64_t i = 0; i < count(dims); ++i) v.push_back(T(float(pick(0, 20))));
      const bool max = round % 2, last = round % 3 == 0;
      Dims out = dims;
      out[size_t(axis)] = 1;
      const Data y = run_op(isa(), max ? "ArgMax" : "ArgMin", {Data(dims, v)}, Out(out, HRT_INT64),
                            {{"axis", axis}, {"select_last_index", int(last)}}, 0, 2);
      int64_t i = 0;
      for_each(out, [&](const Dims& to) {
        int64_t best = 0;
        const auto value = [&](int64_t k) {
          Dims at = to;
          at[size_t(axis)] = k;
          return float(v[size_t(offset(dims, at))]);
        };
        for (int64_t k = 1; k < dims[size_t(axis)]; ++k)
          if (max ? value(k) > value(best) : value(k) < value(best))
            best = k;
          else if (last && value(k) == value(best))
            best = k;
        ASSERT_EQ(y.as<int64_t>()[i++], best);
      });
    }
  };
  check(double());
  check(float16());
  check(bfloat16());
  check(int8_t());
  check(uint8_t());
  check(int16_t());
  check(uint16_t());
  check(uint32_t());
  check(uint64_t());
}

// ----------------------------------------------------------------------------------- arrangement

TEST_P(CpuPicking, OneHotIsWrong) {
  for (int round = 0; round < 20; ++round) {
    const Dims dims = random_dims(pick(0, 3), 6);
    const int64_t depth = pick(1, 9), axis = pick(0, int64_t(dims.size()));
    Dims out = dims;
    out.insert(out.begin() + axis, depth);
    std::vector<float> index;
    for (int64_t i = 0; i < count(dims); ++i) index.push_back(float(pick(-depth - 2, depth + 1)));
    const Data x(dims, index);
    const Data values(Dims{2}, std::vector<int16_t>{3, 7});
    const Data y = run_op(isa(), "OneHot", {x, ints({depth}), values}, Out(out, HRT_INT16),
                          {{"axis", axis - (round % 2) * (int64_t(dims.size()) + 1)}}, 2, 2);
    int64_t i = 0;
    for_each(out, [&](Dims at) {
      const int64_t k = at[size_t(axis)];
      at.erase(at.begin() + axis);
      const int64_t v = int64_t(x.as<float>()[offset(dims, at)]);
      ASSERT_EQ(y.as<int16_t>()[i++], v == k || v + depth == k ? 7 : 3);
    });
  }
}

TEST_P(CpuPicking, TriluIsWrong) {
  for (int round = 0; round < 30; ++round) {
    const hrt_dtype t = kTypes[round % 5];
    const Data x = random_bits(t, random_dims(pick(2, 4), 9));
    const int64_t k = round < 4 ? (round % 2 ? INT64_MAX : INT64_MIN) : pick(-9, 9);
    const bool upper = round / 2 % 2;
    const Data y = run_op(isa(), "Trilu", {x, Data(Dims{}, std::vector<int64_t>{k})}, Out(x.dims, t),
                          {{"upper", int(upper)}}, 0, 2);
    const size_t width = dtype_bits(t) / 8;
    const std::vector<std::byte> zero(width);
    size_t i = 0;
    for_each(x.dims, [&](const Dims& at) {
      const int64_t diagonal = at.back() - at[at.size() - 2];
      const std::byte* want =
          (upper ? diagonal >= k : diagonal <= k) ? x.bytes.data() + i * width : zero.data();
      ASSERT_EQ(std::memcmp(y.bytes.data() + i++ * width, want, width), 0);
    });
  }
}

TEST_P(CpuPicking, ReverseSequenceIsWrong) {
  for (int round = 0; round < 20; ++round) {
    const hrt_dtype t = kTypes[round % 5];
    const Data x = random_bits(t, random_dims(pick(2, 4), 9));
    const size_t time = size_t(round % 2), batch = 1 - time;
    std::vector<int64_t> lengths;
    for (int64_t i = 0; i < x.dims[batch]; ++i) lengths.push_back(pick(0, x.dims[time]));
    const Data y = run_op(isa(), "ReverseSequence", {x, ints(lengths)}, Out(x.dims, t),
                          {{"time_axis", int64_t(time)}, {"batch_axis", int64_t(batch)}}, 0, 2);
    const size_t width = dtype_bits(t) / 8;
    size_t i = 0;
    for_each(x.dims, [&](Dims at) {
      const int64_t n = lengths[size_t(at[batch])];
      if (at[time] < n) at[time] = n - 1 - at[time];
      ASSERT_EQ(std::memcmp(y.bytes.data() + i++ * width, x.bytes.data() + size_t(offset(x.dims, at)) * width,
                            width),
                0);
    });
  }
  for (const int64_t bad : {int64_t(-1), int64_t(4)})
    EXPECT_NE(refusal(isa(), "ReverseSequence", {random({3, 2}, 1), ints({1, bad})}, Out({3, 2})), "");
}

TEST_P(CpuPicking, CenterCropPadIsWrong) {
  for (int round = 0; round < 30; ++round) {
    const hrt_dtype t = kTypes[round % 5];
    const Data x = random_bits(t, random_dims(pick(1, 4), 9));
    const Dims out = random_dims(int64_t(x.dims.size()), 11);
    const Data y = run_op(isa(), "CenterCropPad", {x, ints(out)}, Out(out, t), {}, 2, 2);
    const size_t width = dtype_bits(t) / 8;
    const std::vector<std::byte> zero(width);
    size_t i = 0;
    for_each(out, [&](Dims at) {
      bool inside = true;
      for (size_t d = 0; d < at.size(); ++d) {
        const int64_t cut = x.dims[d] - out[d];
        at[d] += cut > 0 ? cut / 2 : -(-cut / 2);
        inside = inside && at[d] >= 0 && at[d] < x.dims[d];
      }
      const std::byte* want = inside ? x.bytes.data() + size_t(offset(x.dims, at)) * width : zero.data();
      ASSERT_EQ(std::memcmp(y.bytes.data() + i++ * width, want, width), 0);
    });
  }
}

TEST_P(CpuPicking, RangeIsWrong) {
  const auto scalar = []<class T>(T v) { return Data(Dims{}, std::vector<T>{v}); };
  const Data y = run_op(isa(), "Range", {scalar(1.5f), scalar(-2.0f), scalar(-0.75f)}, Out(Dims{5}));
  EXPECT_EQ(y.floats(), (std::vector<float>{1.5f, 0.75f, 0, -0.75f, -1.5f}));
  const Data z = run_op(isa(), "Range", {scalar(int16_t(-3)), scalar(int16_t(9)), scalar(int16_t(5))},
                        Out(Dims{3}, HRT_INT16));
  EXPECT_EQ(z.vector<int16_t>(), (std::vector<int16_t>{-3, 2, 7}));
  const auto message = [&](int64_t a, int64_t b, int64_t c) {
    return refusal(isa(), "Range", {scalar(a), scalar(b), scalar(c)}, Out(Dims{3}, HRT_INT64));
  };
  EXPECT_EQ(message(0, 3, 1), "");
  EXPECT_NE(message(0, 3, 0), "");
  EXPECT_NE(message(0, 4, 1), "");
  EXPECT_NE(message(INT64_MIN, INT64_MAX, 1), "");
}

HRT_FOR_EACH_ISA(CpuPicking);

}  // namespace
}  // namespace hrt::test
