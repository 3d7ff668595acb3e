// SPDX-License-Identifier: Apache-2.0
// DFT and STFT against the sums of their definition, in doubles.
#include <complex>
#include <numbers>

#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

using C = std::complex<double>;

std::vector<C> transform(const std::vector<C>& x, int direction) {
  const size_t n = x.size();
  std::vector<C> roots(n), y(n);
  for (size_t k = 0; k < n; ++k)
    roots[k] = std::polar(1.0, direction * 2 * std::numbers::pi * double(k) / double(n));
  for (size_t k = 0; k < n; ++k)
    for (size_t i = 0; i < n; ++i) y[k] += x[i] * roots[i * k % n];
  return y;
}

Data as_double(const Data& x) {
  std::vector<double> v;
  for (const float f : x.floats()) v.push_back(f);
  return Data(x.dims, v);
}

Data scalar(int64_t v) { return Data(Dims{}, std::vector<int64_t>{v}); }

// The largest distance from what is wanted, relative to the root mean square of that.
template <class T>
double distance(const Data& got, const std::vector<double>& want) {
  EXPECT_EQ(size_t(count(got.dims)), want.size());
  double worst = 0, square = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double d = std::fabs(double(got.as<T>()[i]) - want[i]);
    worst = d >= worst ? d : std::isnan(d) ? INFINITY : worst;
    square += want[i] * want[i] / double(want.size());
  }
  return square > 0 ? worst / std::sqrt(square) : worst;
}

struct Dft {
  Dims x;
  int64_t axis;
  int64_t length = 0;  // 0: not given
  bool inverse = false, onesided = false;

  int64_t n() const {
    const int64_t here = x[size_t(axis)];
    return length ? length : inverse && onesided ? 2 * (here - 1) : here;
  }
  Dims y() const {
    Dims d = x;
    d[size_t(axis)] = onesided && !inverse ? n() / 2 + 1 : n();
    d.back() = onesided && inverse ? 1 : 2;
    return d;
  }
  std::string text() const {
    std::string s = "[";
    for (const int64_t d : x) s += std::to_string(d) + " ";
    return s + "] axis " + std::to_string(axis) + " length " + std::to_string(n()) +
           (inverse ? " inverse" : "") + (onesided ? " onesided" : "");
  }
  std::vector<double> expected(const Data& in) const {
    const Dims out = y();
    std::vector<double> want(size_t(count(out)));
    Dims lines = x;
    lines[size_t(axis)] = lines.back() = 1;
    for_each(lines, [&](const Dims& at) {
      std::vector<C> line;
      const auto number = [&](int64_t i, int64_t part) {
        Dims from = at;
        from[size_t(axis)] = i;
        from.back() = part;
        return i < x[size_t(axis)] && part < x.back() ? double(in.as<float>()[offset(x, from)]) : 0.0;
      };
      for (int64_t i = 0; i < n(); ++i)
        line.push_back(inverse && onesided && i > n() / 2 ? std::conj(line[size_t(n() - i)])
                                                          : C(number(i, 0), number(i, 1)));
      const std::vector<C> result = transform(line, inverse ? 1 : -1);
      for (int64_t k = 0; k < out[size_t(axis)]; ++k)
        for (int64_t part = 0; part < out.back(); ++part) {
          Dims to = at;
          to[size_t(axis)] = k;
          to.back() = part;
          const C v = result[size_t(k)] / (inverse ? double(n()) : 1.0);
          want[size_t(offset(out, to))] = part ? v.imag() : v.real();
        }
    });
    return want;
  }
};

class CpuFourier : public CpuOp {
 protected:
  void check(const Dft& t, int threads = 1) {
    const Data x = random(t.x, unsigned(pick(1, 1 << 20)));
    const std::vector<double> want = t.expected(x);
    const Data length = t.length ? scalar(t.length) : absent();
    const std::vector<Attr> attrs = {{"inverse", int(t.inverse)}, {"onesided", int(t.onesided)}};
    const Data axis = scalar(t.axis);
    const Data y = run_op(isa(), "DFT", {x, length, axis}, Out(t.y()), attrs, 0b110, threads);
    EXPECT_LT(distance<float>(y, want), 3e-6) << t.text();
    const Data z =
        run_op(isa(), "DFT", {as_double(x), length, axis}, Out(t.y(), HRT_FLOAT64), attrs, 0b110, threads);
    EXPECT_LT(distance<double>(z, want), 1e-13 * double(t.n() + 10)) << t.text() << " double";
  }
};

TEST_P(CpuFourier, LengthIsWrong) {
  for (int64_t n = 1; n <= 40; ++n)
    for (const int64_t parts : {1, 2})
      for (const bool inverse : {false, true}) check({{3, n, parts}, 1, 0, inverse});
  for (const int64_t n : {49, 64, 97, 100, 128, 243, 400, 480, 509, 512, 625})
    for (const int64_t lines : {1, 2, 20}) {
      check({{lines, n, 1}, 1, 0, false, true});
      check({{lines, n, 2}, 1, 0, true});
    }
}

TEST_P(CpuFourier, LongLineIsWrong) {
  for (const int64_t n : {768, 1000, 1024, 2048}) {
    check({{1, n, 2}, 1});
    check({{1, n, 2}, 1, 0, true});
    check({{2, n, 1}, 1, 0, false, true});
  }
}

// Too long for the definition: the transform of a shifted impulse is a line of roots of unity.
TEST_P(CpuFourier, VeryLongLineIsWrong) {
  for (const int64_t n : {8192, 10007, 65536, 100000}) {
    Data x(HRT_FLOAT32, {2, n, 1});
    x.as<float>()[3] = 1;
    x.as<float>()[n] = 1;
    const Data y = run_op(isa(), "DFT", {x}, Out({2, n, 2}), {}, 0, 2);
    double worst = 0;
    for (int64_t k = 0; k < n; ++k) {
      const C want = std::polar(1.0, -2 * std::numbers::pi * double(3 * k % n) / double(n));
      worst = std::max(worst, std::abs(C(y.as<float>()[2 * k], y.as<float>()[2 * k + 1]) - want));
      worst = std::max(worst, std::abs(C(y.as<float>()[2 * (n + k)], y.as<float>()[2 * (n + k) + 1]) - 1.0));
    }
    EXPECT_LT(worst, 3e-6) << n;
  }
}

TEST_P(CpuFourier, AxisOrLengthIsWrong) {
  for (int round = 0; round < 60; ++round) {
    Dims x;
    for (int64_t rank = pick(2, 4); rank > 1; --rank) x.push_back(pick(2, 24));
    const bool inverse = pick(0, 1), onesided = pick(0, 1);
    x.push_back(onesided && !inverse ? 1 : pick(1, 2));
    const int64_t axis = pick(0, int64_t(x.size()) - 2);
    check({x, axis, pick(0, 1) ? pick(1, 40) : 0, inverse, onesided}, 1 + round % 2);
  }
  check({{0, 8, 1}, 1});
  check({{3, 0, 1}, 1, 8});
}

TEST_P(CpuFourier, LoudNeighbourIsHeard) {
  Data x = random({2, 64, 1}, 7);
  for (int64_t i = 0; i < 64; ++i) x.as<float>()[i] *= 1e20f;
  const Data both = run_op(isa(), "DFT", {x}, Out({2, 64, 2}));
  const Data quiet({1, 64, 1}, std::vector<float>(x.as<float>() + 64, x.as<float>() + 128));
  const std::vector<float> alone = run_op(isa(), "DFT", {quiet}, Out({1, 64, 2})).floats();
  const Data heard({1, 64, 2}, std::vector<float>(both.as<float>() + 128, both.as<float>() + 256));
  EXPECT_LT(distance<float>(heard, std::vector<double>(alone.begin(), alone.end())), 3e-6);
}

TEST_P(CpuFourier, FrameIsWrong) {
  for (int round = 0; round < 40; ++round) {
    const bool onesided = pick(0, 1), windowed = pick(0, 1), given = !windowed || pick(0, 1);
    const int64_t length = pick(1, 40), step = pick(1, 20), batch = pick(1, 3),
                  parts = onesided ? 1 : pick(1, 2);
    const int64_t signal = length + pick(0, 90), frames = (signal - length) / step + 1;
    const int64_t bins = onesided ? length / 2 + 1 : length;
    const Data x = random({batch, signal, parts}, unsigned(round)),
               window = random({length}, unsigned(round) + 99);
    const Data y = run_op(
        isa(), "STFT", {x, scalar(step), windowed ? window : absent(), given ? scalar(length) : absent()},
        Out({batch, frames, bins, 2}), {{"onesided", int(onesided)}}, 0b1010, 1 + round % 2);
    std::vector<double> want;
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t f = 0; f < frames; ++f) {
        std::vector<C> frame;
        for (int64_t i = 0; i < length; ++i) {
          const float* at = x.as<float>() + (b * signal + f * step + i) * parts;
          frame.push_back(C(at[0], parts == 2 ? at[1] : 0) * double(windowed ? window.as<float>()[i] : 1));
        }
        const std::vector<C> result = transform(frame, -1);
        for (int64_t k = 0; k < bins; ++k) {
          want.push_back(result[size_t(k)].real());
          want.push_back(result[size_t(k)].imag());
        }
      }
    EXPECT_LT(distance<float>(y, want), 3e-6) << "frames of " << length << " every " << step;
  }
}

TEST_P(CpuFourier, ResultDependsOnThreads) {
  const Data x = random({50, 480, 1}, 3);
  EXPECT_EQ(run_op(isa(), "DFT", {x}, Out({50, 480, 2}), {}, 0, 1).bytes,
            run_op(isa(), "DFT", {x}, Out({50, 480, 2}), {}, 0, 2).bytes);
}

TEST_P(CpuFourier, HostileInputIsAccepted) {
  const auto refused = [&](const std::vector<Data>& in, Dims out, const std::vector<Attr>& attrs = {}) {
    EXPECT_THROW(try_ops(isa(), "DFT", in, {Out(std::move(out))}, attrs, 0b110), Failure);
  };
  const Data x = random({2, 8, 1}, 1);
  refused({x, absent(), scalar(2)}, {2, 8, 2});
  refused({x, absent(), scalar(-4)}, {2, 8, 2});
  refused({x, scalar(0), scalar(1)}, {2, 8, 2});
  refused({x, scalar(-1), scalar(1)}, {2, 8, 2});
  refused({x, scalar(int64_t(1) << 40), scalar(1)}, {2, 8, 2});
  refused({x, ints({8, 8}), scalar(1)}, {2, 8, 2});
  refused({x, absent(), scalar(1)}, {2, 7, 2});
  refused({random({2, 8, 3}, 1)}, {2, 8, 2});
  refused({random({2, 8, 2}, 1)}, {2, 5, 2}, {{"onesided", 1}});
  const auto stft = [&](int64_t step, int64_t length, Dims out) {
    EXPECT_THROW(try_ops(isa(), "STFT", {random({1, 16, 1}, 1), scalar(step), absent(), scalar(length)},
                         {Out(std::move(out))}, {}, 0b1010),
                 Failure);
  };
  stft(0, 8, {1, 2, 5, 2});
  stft(-1, 8, {1, 2, 5, 2});
  stft(4, 17, {1, 1, 9, 2});
  stft(4, 0, {1, 1, 1, 2});
  stft(4, 8, {1, 9, 5, 2});
}

HRT_FOR_EACH_ISA(CpuFourier);

}  // namespace
}  // namespace hrt::test
