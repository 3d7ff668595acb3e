// SPDX-License-Identifier: Apache-2.0
// Operators that move elements, against index arithmetic written out element by element.
#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

class CpuMovement : public CpuOp {};

const hrt_dtype kTypes[] = {HRT_UINT8, HRT_FLOAT16, HRT_FLOAT32, HRT_INT64, HRT_COMPLEX128};

// out[i] must be in[source(i)]; -1: value.
void expect_moved(const Data& in, const Data& out, const std::function<int64_t(const Dims&)>& source,
                  const std::string& what, const std::byte* value = nullptr) {
  const size_t width = dtype_bits(in.dtype) / 8;
  int64_t n = 0;
  bool failed = false;
  for_each(out.dims, [&](const Dims& at) {
    const int64_t from = source(at);
    const std::byte* want = from < 0 ? value : in.bytes.data() + size_t(from) * width;
    const std::byte* got = out.bytes.data() + size_t(n++) * width;
    if (!failed && std::memcmp(got, want, width) != 0) {
      ADD_FAILURE() << what << ": element " << n - 1 << " of dtype " << dtype_name(in.dtype);
      failed = true;
    }
  });
}

std::string text(const Dims& d) {
  std::string s = "[";
  for (const int64_t v : d) s += std::to_string(v) + " ";
  return s + "]";
}

TEST_P(CpuMovement, TransposeIsWrong) {
  const auto check = [&](const Data& x, const Dims& perm, int threads) {
    Dims out;
    for (const int64_t p : perm) out.push_back(x.dims[size_t(p)]);
    const Data y = run_op(isa(), "Transpose", {x}, Out(out, x.dtype), {{"perm", perm}}, 0, threads);
    expect_moved(
        x, y,
        [&](const Dims& at) {
          Dims from(at.size());
          for (size_t d = 0; d < at.size(); ++d) from[size_t(perm[d])] = at[d];
          return offset(x.dims, from);
        },
        text(x.dims) + text(perm));
  };
  for (const hrt_dtype t : kTypes)
    for (int64_t rank = 1; rank <= 5; ++rank)
      for (int round = 0; round < 12; ++round) {
        Dims perm;
        for (int64_t i = 0; i < rank; ++i) perm.push_back(i);
        std::shuffle(perm.begin(), perm.end(), gen);
        check(random_bits(t, random_dims(rank, rank < 4 ? 37 : 9)), perm, 1 + round % 2);
      }
  check(random_bits(HRT_FLOAT32, {2, 64, 28, 30}), {0, 2, 3, 1}, 2);
  check(random_bits(HRT_FLOAT32, {2, 28, 30, 64}), {0, 3, 1, 2}, 2);
  check(random_bits(HRT_FLOAT32, {1, 50, 12, 64}), {0, 2, 1, 3}, 2);
  check(random_bits(HRT_FLOAT32, {0, 3, 4}), {2, 0, 1}, 1);
  const Data x = random_bits(HRT_FLOAT32, {3, 4, 5});
  EXPECT_EQ(run_op(isa(), "Transpose", {x}, Out({5, 4, 3})).bytes,
            run_op(isa(), "Transpose", {x}, Out({5, 4, 3}), {{"perm", Dims{2, 1, 0}}}).bytes);
}

TEST_P(CpuMovement, ConcatOrSplitIsWrong) {
  for (const hrt_dtype t : kTypes)
    for (int64_t rank = 1; rank <= 4; ++rank)
      for (int64_t axis = -rank; axis < rank; ++axis) {
        const size_t at = size_t(axis < 0 ? axis + rank : axis);
        Dims whole = random_dims(rank, 9);
        std::vector<Data> parts;
        Dims lengths, ends = {0};
        for (int i = 0; i < 3; ++i) {
          Dims d = whole;
          d[at] = i == 1 ? pick(0, 2) : pick(1, 20);
          lengths.push_back(d[at]);
          ends.push_back(ends.back() + d[at]);
          parts.push_back(random_bits(t, d));
        }
        whole[at] = ends.back();
        const Data y = run_op(isa(), "Concat", parts, Out(whole, t), {{"axis", axis}});
        for (size_t i = 0; i < 3; ++i)
          expect_moved(
              y, parts[i],
              [&](Dims from) {
                from[at] += ends[i];
                return offset(whole, from);
              },
              "Concat");
        std::vector<Out> outs;
        for (const Data& p : parts) outs.emplace_back(p.dims, t);
        const auto split = run_ops(isa(), "Split", {y, ints(lengths)}, outs, {{"axis", axis}}, 2);
        for (size_t i = 0; i < 3; ++i) EXPECT_EQ(split[i].bytes, parts[i].bytes) << "Split";
      }
  const Data x = random({7, 2}, 1);
  const auto split = run_ops(isa(), "Split", {x}, {Out({3, 2}), Out({3, 2}), Out({1, 2})},
                             {{"axis", 0}, {"num_outputs", 3}});
  EXPECT_EQ(split[2].floats(), (std::vector<float>{x.floats()[12], x.floats()[13]}));
}

TEST_P(CpuMovement, BlockedConcatOrSplitDiffers) {
  for (const auto& [c0, c1] : std::vector<std::pair<int64_t, int64_t>>{{16, 32}, {16, 5}, {3, 16}})
    for (const int64_t axis : {1, 2}) {
      const Data a = random({2, c0, 4, 5}, 1), b = random({2, axis == 1 ? c1 : c0, 4, 5}, 2);
      Dims out = a.dims;
      out[size_t(axis)] += b.dims[size_t(axis)];
      const std::vector<Attr> attrs = {{"axis", axis}};
      EXPECT_EQ(run_blocked(isa(), "Concat", {a, b}, out, attrs).bytes,
                run_op(isa(), "Concat", {a, b}, out, attrs).bytes);
    }
  for (const Dims& lengths : {Dims{16, 32}, Dims{20, 28}}) {
    Model m;
    const Data x = random({1, 48, 3, 3}, 3);
    Data identity(HRT_FLOAT32, {48, 48, 1, 1});
    for (int64_t c = 0; c < 48; ++c) identity.as<float>()[c * 49] = 1;
    const uint32_t conv = m.node("Conv", {m.input(x.dims), m.constant(identity)}, x.dims);
    const std::vector<Out> outs = {Out({1, lengths[0], 3, 3}), Out({1, lengths[1], 3, 3})};
    const uint32_t y = m.node("Split", {conv, m.constant(ints(lengths))}, outs, {{"axis", 1}});
    m.output(y);
    m.output(y + 1);
    const auto got = backend(isa()).run(m, {x}),
               want = run_ops(isa(), "Split", {x, ints(lengths)}, outs, {{"axis", 1}}, 2);
    EXPECT_EQ(got[0].bytes, want[0].bytes);
    EXPECT_EQ(got[1].bytes, want[1].bytes);
  }
}

// The indices that the standard's text gives: a start is clamped to [0, n] going forwards, to [0, n - 1]
// going backwards, where numpy differs.
Dims picked(int64_t n, int64_t start, int64_t stop, int64_t step) {
  Dims out;
  if (start < 0) start += n;
  if (stop < 0) stop += n;
  start = std::clamp<int64_t>(start, 0, step > 0 ? n : n - 1);
  stop = std::clamp<int64_t>(stop, step > 0 ? 0 : -1, step > 0 ? n : n - 1);
  for (int64_t i = start; step > 0 ? i < stop : i > stop; i += step) out.push_back(i);
  return out;
}

TEST_P(CpuMovement, SliceIsWrong) {
  for (int round = 0; round < 400; ++round) {
    const hrt_dtype t = kTypes[round % 5];
    const int64_t rank = pick(1, 4);
    const Data x = random_bits(t, random_dims(rank, 12));
    Dims axes, starts, ends, steps, out = x.dims;
    std::vector<Dims> from;
    for (int64_t d = 0; d < rank; ++d) {
      from.push_back(picked(x.dims[size_t(d)], 0, 99, 1));
      if (pick(0, 2) == 0) continue;
      axes.push_back(pick(0, 1) ? d : d - rank);
      starts.push_back(pick(-14, 14));
      ends.push_back(pick(0, 5) ? pick(-14, 14) : pick(0, 1) ? INT64_MAX : INT64_MIN);
      steps.push_back(pick(0, 1) ? 1 : pick(0, 1) ? pick(1, 4) : -pick(1, 4));
      from.back() = picked(x.dims[size_t(d)], starts.back(), std::clamp<int64_t>(ends.back(), -1000, 1000),
                           steps.back());
      out[size_t(d)] = int64_t(from.back().size());
    }
    const Data y = run_op(isa(), "Slice", {x, ints(starts), ints(ends), ints(axes), ints(steps)}, Out(out, t),
                          {}, round % 2 ? 0 : 30);
    expect_moved(
        x, y,
        [&](Dims at) {
          for (size_t d = 0; d < at.size(); ++d) at[d] = from[d][size_t(at[d])];
          return offset(x.dims, at);
        },
        text(x.dims) + text(starts) + text(ends) + text(axes) + text(steps));
  }
}

TEST_P(CpuMovement, HostileSliceIsTaken) {
  const Data x = random({4, 5}, 1);
  const auto message = [&](const Dims& starts, const Dims& ends, const Dims& axes, const Dims& steps) {
    return refusal(isa(), "Slice", {x, ints(starts), ints(ends), ints(axes), ints(steps)}, Out({2, 5}));
  };
  EXPECT_EQ(message({1}, {3}, {0}, {1}), "");
  EXPECT_NE(message({0}, {3}, {0}, {1}), "");     // another shape than the plan's
  EXPECT_NE(message({1}, {3}, {7}, {1}), "");     // axis
  EXPECT_NE(message({1}, {3}, {0}, {0}), "");     // step
  EXPECT_NE(message({1, 1}, {3}, {0}, {1}), "");  // lengths
  EXPECT_NE(message({INT64_MIN}, {INT64_MAX}, {0}, {INT64_MIN}), "");
  EXPECT_NE(message({1, 0, 0}, {3, 5, 1}, {0, 1, 0}, {1, 1, 1}), "");
}

TEST_P(CpuMovement, ExpandOrTileIsWrong) {
  for (int round = 0; round < 100; ++round) {
    const hrt_dtype t = kTypes[round % 5];
    const int64_t rank = pick(0, 4);
    Dims in = random_dims(rank, 5), out = random_dims(pick(rank, 5), 6);
    for (size_t d = 0; d < in.size(); ++d) {
      if (pick(0, 1)) in[d] = 1;
      if (in[d] != 1) out[out.size() - in.size() + d] = in[d];
    }
    const Data x = random_bits(t, in);
    expect_moved(
        x, run_op(isa(), "Expand", {x, ints(out)}, Out(out, t), {}, 2),
        [&](const Dims& at) { return offset(in, at); }, "Expand " + text(in) + text(out));

    Dims repeats = random_dims(rank, 3), tiled = in;
    if (rank && pick(0, 9) == 0) repeats[0] = 0;
    for (size_t d = 0; d < in.size(); ++d) tiled[d] *= repeats[d];
    expect_moved(
        x, run_op(isa(), "Tile", {x, ints(repeats)}, Out(tiled, t), {}, round % 2 ? 2 : 0),
        [&](Dims at) {
          for (size_t d = 0; d < at.size(); ++d) at[d] %= in[d];
          return offset(in, at);
        },
        "Tile " + text(in) + text(repeats));
  }
}

TEST_P(CpuMovement, DepthToSpaceOrBackIsWrong) {
  const int64_t n = 2, c = 3, h = 4, w = 5, b = 2;
  const Data x = random_bits(HRT_FLOAT32, {n, c * b * b, h, w});
  for (const std::string mode : {"DCR", "CRD"}) {
    const Out out({n, c, h * b, w * b});
    const Data y = run_op(isa(), "DepthToSpace", {x}, out, {{"blocksize", b}, {"mode", mode}});
    expect_moved(
        x, y,
        [&](const Dims& at) {
          const int64_t row = at[2] % b, column = at[3] % b;
          const int64_t channel =
              mode == "CRD" ? (at[1] * b + row) * b + column : (row * b + column) * c + at[1];
          return offset(x.dims, {at[0], channel, at[2] / b, at[3] / b});
        },
        mode);
    if (mode == "DCR")
      EXPECT_EQ(run_op(isa(), "SpaceToDepth", {y}, Out(x.dims), {{"blocksize", b}}).bytes, x.bytes);
  }
}

TEST_P(CpuMovement, GatherIsWrong) {
  for (const hrt_dtype t : kTypes)
    for (int64_t axis = -3; axis < 3; ++axis) {
      const size_t at = size_t(axis < 0 ? axis + 3 : axis);
      const Data x = random_bits(t, random_dims(3, 9));
      Data index(HRT_INT64, {3, 2}), narrow(HRT_INT32, {3, 2});
      for (int i = 0; i < 6; ++i)
        narrow.as<int32_t>()[i] = int32_t(index.as<int64_t>()[i] = pick(-x.dims[at], x.dims[at] - 1));
      Dims out = x.dims;
      out.erase(out.begin() + long(at));
      out.insert(out.begin() + long(at), {3, 2});
      for (const Data& i : {index, narrow})
        expect_moved(
            x, run_op(isa(), "Gather", {x, i}, Out(out, t), {{"axis", axis}}),
            [&](const Dims& to) {
              Dims from = to;
              int64_t v = index.as<int64_t>()[to[at] * 2 + to[at + 1]];
              from.erase(from.begin() + long(at));
              from[at] = v < 0 ? v + x.dims[at] : v;
              return offset(x.dims, from);
            },
            "Gather");
    }
}

TEST_P(CpuMovement, IndexOutOfRangeIsNoError) {
  const Data x = random({3, 2}, 1);
  for (const int64_t bad : {int64_t(3), int64_t(-4), INT64_MAX, INT64_MIN}) {
    const std::string message = refusal(isa(), "Gather", {x, ints({0, bad})}, Out({2, 2}));
    EXPECT_NE(message.find(std::to_string(bad)), std::string::npos) << message;
  }
}

TEST_P(CpuMovement, PadIsWrong) {
  for (int round = 0; round < 400; ++round) {
    const hrt_dtype t = kTypes[round % 5];
    const std::string mode =
        std::vector<std::string>{"constant", "reflect", "edge", "wrap"}[size_t(pick(0, 3))];
    const int64_t rank = pick(1, 4);
    const Data x = random_bits(t, random_dims(rank, 7));
    Data value = random_bits(t, {});
    Dims out = x.dims, begin(size_t(rank), 0), axes, front, back;
    const bool all = pick(0, 1);
    for (int64_t d = 0; d < rank; ++d) {
      if (!all && pick(0, 1)) continue;
      const int64_t n = x.dims[size_t(d)];
      const int64_t low = mode == "constant" ? -n / 2 : 0, high = mode == "reflect" ? n - 1 : 5;
      axes.push_back(pick(0, 1) ? d : d - rank);
      front.push_back(pick(low, high));
      back.push_back(pick(low, high));
      begin[size_t(d)] = front.back();
      out[size_t(d)] = n + front.back() + back.back();
    }
    if (all)
      for (size_t d = 0; d < axes.size(); ++d) axes[d] = int64_t(d);
    Dims pads = front;
    pads.insert(pads.end(), back.begin(), back.end());
    std::vector<Data> in = {x, ints(pads), mode == "constant" ? value : absent()};
    if (!all) in.push_back(ints(axes));
    const Data y = run_op(isa(), "Pad", in, Out(out, t), {{"mode", mode}}, round % 2 ? 0 : 10);
    expect_moved(
        x, y,
        [&](Dims at) -> int64_t {
          for (size_t d = 0; d < at.size(); ++d) {
            const int64_t n = x.dims[d];
            int64_t i = at[d] - begin[d];
            if (i < 0 || i >= n) {
              if (mode == "constant") return -1;
              if (mode == "edge") i = i < 0 ? 0 : n - 1;
              if (mode == "wrap") i = ((i % n) + n) % n;
              if (mode == "reflect") i = i < 0 ? -i : 2 * (n - 1) - i;
            }
            at[d] = i;
          }
          return offset(x.dims, at);
        },
        mode + text(x.dims) + text(pads) + text(axes), value.bytes.data());
  }
}

TEST_P(CpuMovement, BlockedPadDiffers) {
  const Data x = random({2, 19, 5, 6}, 1), value(Dims{}, std::vector<float>{3});
  for (const Dims& pads : {Dims{0, 0, 1, 2, 0, 0, 3, 4}, Dims{0, 0, 0, 0, 0, 0, 1, 0},
                           Dims{0, 1, 1, 1, 0, 2, 1, 1}, Dims{1, 0, 0, 0, 0, 0, 0, 0}})
    for (const char* mode : {"constant", "reflect", "edge"}) {
      if (std::string(mode) == "reflect" && pads[0]) continue;
      Dims out = x.dims;
      for (size_t d = 0; d < 4; ++d) out[d] += pads[d] + pads[d + 4];
      EXPECT_EQ(run_blocked(isa(), "Pad", {x, ints(pads), value}, out, {{"mode", mode}}).bytes,
                run_op(isa(), "Pad", {x, ints(pads), value}, out, {{"mode", mode}}).bytes)
          << mode;
    }
}

TEST_P(CpuMovement, HostilePadsAreTaken) {
  const Data x = random({4, 5}, 1);
  const auto message = [&](const Dims& pads) { return refusal(isa(), "Pad", {x, ints(pads)}, Out({6, 5})); };
  EXPECT_EQ(message({1, 0, 1, 0}), "");
  EXPECT_NE(message({1, 0, 2, 0}), "");
  EXPECT_NE(message({1, 0, 1}), "");
  EXPECT_NE(message({INT64_MAX, 0, INT64_MAX, 0}), "");
  EXPECT_NE(message({INT64_MIN, 0, INT64_MIN, 0}), "");
  EXPECT_NE(refusal(isa(), "Pad", {x, ints({1, 1, 1}), absent(), ints({9})}, Out({6, 5})), "");
  EXPECT_NE(refusal(isa(), "Pad", {Data(HRT_FLOAT32, {0}), ints({1, 1})}, Out({2}), {{"mode", "edge"}}), "");
}

HRT_FOR_EACH_ISA(CpuMovement);

}  // namespace
}  // namespace hrt::test
