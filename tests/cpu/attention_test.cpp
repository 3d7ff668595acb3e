// SPDX-License-Identifier: Apache-2.0
// Attention, rotary embedding and the other operators of transformers, of ONNX and com.microsoft, against
// loops in double precision.
#include <limits>

#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

class CpuAttention : public CpuOp {
 protected:
  Data ints32(Dims dims, int32_t low, int32_t high) {
    Data d(HRT_INT32, std::move(dims));
    for (int64_t i = 0; i < count(d.dims); ++i) d.as<int32_t>()[i] = int32_t(pick(low, high));
    return d;
  }
};

// An element by batch item, head, position and place in the head, of a tensor of rank 4 or 3.
using Element = std::function<double(int64_t b, int64_t h, int64_t i, int64_t d)>;
Element element(const Data& x, int64_t heads) {
  return [&x, heads](int64_t b, int64_t h, int64_t i, int64_t d) {
    const Dims& n = x.dims;
    const int64_t size = n.size() == 4 ? n[3] : n[2] / heads;
    const int64_t at =
        n.size() == 4 ? ((b * n[1] + h) * n[2] + i) * size + d : (b * n[1] + i) * n[2] + h * size + d;
    return double(x.as<float>()[at]);
  };
}

struct Problem {
  int64_t batch, heads, kv_heads, queries, keys, size, value_size;
  double scale = 1, cap = 0;
  Element q = {}, k = {}, v = {};
  std::function<double(int64_t b, int64_t h, int64_t i, int64_t j)> add = {};  // -kInf: not seen
  std::function<double(int64_t h)> sink = [](int64_t) { return -kInf; };
};

// (batch, queries, heads, value_size); by_heads: (batch, heads, queries, value_size).
std::vector<double> attend(const Problem& p, bool by_heads) {
  std::vector<double> y(size_t(p.batch * p.queries * p.heads * p.value_size));
  for_each({p.batch, p.heads, p.queries}, [&](const Dims& at) {
    const int64_t b = at[0], h = at[1], i = at[2], kv = h / (p.heads / p.kv_heads);
    std::vector<double> s;
    double most = p.sink(h);
    for (int64_t j = 0; j < p.keys; ++j) {
      double dot = 0;
      for (int64_t d = 0; d < p.size; ++d) dot += p.q(b, h, i, d) * p.k(b, kv, j, d);
      dot *= p.scale;
      if (p.cap > 0) dot = p.cap * std::tanh(dot / p.cap);
      const double add = p.add(b, h, i, j);
      s.push_back(add == -kInf ? add : dot + add);
      most = std::max(most, s.back());
    }
    if (most == -kInf) return;
    double sum = std::exp(p.sink(h) - most);
    for (double& v : s) sum += v = std::exp(v - most);
    for (int64_t d = 0; d < p.value_size; ++d) {
      double v = 0;
      for (int64_t j = 0; j < p.keys; ++j)
        if (s[size_t(j)] != 0) v += s[size_t(j)] / sum * p.v(b, kv, j, d);
      const int64_t row = by_heads ? (b * p.heads + h) * p.queries + i : (b * p.queries + i) * p.heads + h;
      y[size_t(row * p.value_size + d)] = v;
    }
  });
  return y;
}

TEST_P(CpuAttention, OnnxAttentionIsWrong) {
  for (int round = 0; round < 40; ++round) {
    const int64_t batch = pick(1, 2), kv_heads = pick(1, 3), heads = kv_heads * pick(1, 3),
                  size = pick(1, 70), value_size = pick(1, 70), past = round % 3 ? 0 : pick(1, 70);
    const int64_t queries = round % 4 ? pick(1, 110) : 1, fresh = pick(1, 300), keys = past + fresh;
    const bool tokens = pick(0, 1) == 1, causal = pick(0, 1) == 1;
    const int64_t left = pick(0, 2) ? -1 : pick(0, keys), right = pick(0, 2) ? -1 : pick(0, keys);
    const auto shape = [&](int64_t n, int64_t length, int64_t width) {
      return tokens ? Dims{batch, length, n * width} : Dims{batch, n, length, width};
    };
    std::vector<Data> in = {random(shape(heads, queries, size), round),
                            random(shape(kv_heads, fresh, size), round + 1),
                            random(shape(kv_heads, fresh, value_size), round + 2),
                            absent(),
                            absent(),
                            absent()};
    const int mask = int(pick(0, 2));  // none, numbers, booleans
    const Dims mask_dims = pick(0, 1) ? Dims{batch, 1, queries, pick(1, keys)} : Dims{queries, keys};
    if (mask == 1) in[3] = random(mask_dims, round + 3);
    if (mask == 2) {
      in[3] = Data(HRT_BOOL, mask_dims);
      for (std::byte& x : in[3].bytes) x = std::byte(pick(0, 3) > 0);
    }
    if (past) {
      in[4] = random({batch, kv_heads, past, size}, round + 4);
      in[5] = random({batch, kv_heads, past, value_size}, round + 5);
    }
    Problem p{batch, heads, kv_heads, queries, keys, size, value_size};
    p.scale = 0.8;
    p.cap = pick(0, 2) ? 0 : 0.9;
    const auto both = [&](size_t old, size_t now) -> Element {
      return [=, before = element(in[old], kv_heads), after = element(in[now], kv_heads)](
                 int64_t b, int64_t h, int64_t j, int64_t d) {
        return j < past ? before(b, h, j, d) : after(b, h, j - past, d);
      };
    };
    p.q = element(in[0], heads);
    p.k = both(4, 1);
    p.v = both(5, 2);
    p.add = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
      const int64_t at = past + i;
      if ((causal && j > at) || (left >= 0 && j < at - left) || (right >= 0 && j > at + right)) return -kInf;
      if (!mask) return 0.0;
      if (j >= mask_dims.back()) return -kInf;
      const int64_t o = offset(mask_dims, {b, h, i, mask_dims.back() == 1 ? 0 : j});
      return mask == 1 ? double(in[3].as<float>()[o]) : in[3].as<uint8_t>()[o] ? 0.0 : -kInf;
    };
    std::vector<Attr> attrs = {{"is_causal", int64_t(causal)},
                               {"left_window_size", left},
                               {"right_window_size", right},
                               {"scale", 0.8f},
                               {"softcap", float(p.cap)}};
    if (tokens) {
      attrs.emplace_back("q_num_heads", heads);
      attrs.emplace_back("kv_num_heads", kv_heads);
    }
    const std::vector<Out> out = {shape(heads, queries, value_size),
                                  {batch, kv_heads, keys, size},
                                  {batch, kv_heads, keys, value_size}};
    const auto got = run_ops(isa(), "Attention", in, out, attrs, 0, 2);
    const std::string what = "round " + std::to_string(round);
    expect_near(got[0], attend(p, !tokens), 1e-4, 1e-5, what);
    for (const bool value : {false, true}) {
      std::vector<double> want;
      for_each(out[value ? 2 : 1].dims,
               [&](const Dims& at) { want.push_back((value ? p.v : p.k)(at[0], at[1], at[2], at[3])); });
      expect_near(got[value ? 2 : 1], want, 0, 0, what + ", present");
    }
    const auto serial = run_ops(isa(), "Attention", in, out, attrs, 0, 1);
    EXPECT_EQ(got[0].bytes, serial[0].bytes) << what << ": depends on the number of threads";
  }
}

TEST_P(CpuAttention, LengthsOfOnnxAttentionAreWrong) {
  const Data q = random({2, 2, 3, 8}, 1), k = random({2, 2, 70, 8}, 2);
  const std::vector<Data> in = {q, k, k, absent(), absent(), absent(), ints({0, 33})};
  Problem p{2, 2, 2, 3, 70, 8, 8};
  p.q = element(q, 2);
  p.k = p.v = element(k, 2);
  p.add = [](int64_t b, int64_t, int64_t i, int64_t j) {
    const int64_t keys = b ? 33 : 0;
    return j < keys && j <= keys - 3 + i ? 0 : -kInf;
  };
  expect_near(run_op(isa(), "Attention", in, q.dims, {{"is_causal", 1}, {"scale", 1.0f}}), attend(p, true),
              1e-4, 1e-6, "lengths");
  std::vector<Data> bad = in;
  bad[6] = ints({0, 71});
  EXPECT_NE(refusal(isa(), "Attention", bad, q.dims).find("nonpad_kv_seqlen"), std::string::npos);
}

TEST_P(CpuAttention, SpecialScoresOfAttentionAreWrong) {
  // Denormal queries see all alike; NaN stays in its row; a row that sees nothing is zero; a huge score wins.
  const float nan = NAN, tiny = 1e-40f;
  const Data q(Dims{1, 1, 4, 1}, std::vector<float>{tiny, nan, 1, 1e38f}),
      k(Dims{1, 1, 2, 1}, std::vector<float>{1, 2}), v(Dims{1, 1, 2, 1}, std::vector<float>{1, 3}),
      mask(Dims{4, 2}, std::vector<float>{0, 0, 0, 0, -INFINITY, -INFINITY, 0, -INFINITY});
  expect_near(run_op(isa(), "Attention", {q, k, v, mask}, {1, 1, 4, 1}, {{"scale", 1.0f}}),
              {2, std::nan(""), 0, 1}, 1e-6, 0, "special");
  const Data none(HRT_FLOAT32, {1, 1, 0, 1});
  expect_near(run_op(isa(), "Attention", {q, none, none}, {1, 1, 4, 1}), {0, 0, 0, 0}, 0, 0, "no keys");
  EXPECT_EQ(run_op(isa(), "Attention", {none, k, v}, {1, 1, 0, 1}).bytes.size(), 0u);
}

TEST_P(CpuAttention, MasksOfMultiHeadAttentionAreWrong) {
  for (int round = 0; round < 30; ++round) {
    const int64_t batch = pick(1, 3), heads = pick(1, 3), size = pick(1, 40), queries = pick(1, 60),
                  keys = pick(1, 90);
    std::vector<Data> in = {random({batch, queries, heads * size}, round),
                            random({batch, keys, heads * size}, round + 1),
                            random({batch, keys, heads * size}, round + 2),
                            absent(),
                            absent(),
                            absent()};
    const int kind = round % 5;  // none, lengths, ends and starts, keys, queries and keys
    if (kind == 1) in[4] = ints32({batch}, 1, int32_t(keys));
    if (kind == 2) in[4] = ints32({2 * batch}, 0, int32_t(keys));
    if (kind == 3) in[4] = ints32({batch, keys}, 0, 1);
    if (kind == 4) in[4] = ints32({batch, queries, keys}, 0, 1);
    if (round % 2) in[5] = random({1, heads, queries, keys}, round + 3);
    Problem p{batch, heads, heads, queries, keys, size, size};
    p.scale = 1 / std::sqrt(double(size));
    p.q = element(in[0], heads);
    p.k = element(in[1], heads);
    p.v = element(in[2], heads);
    p.add = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
      const int32_t* m = in[4].as<int32_t>();
      const bool seen = kind == 0   ? true
                        : kind == 1 ? j < m[b]
                        : kind == 2 ? j < m[b] && j >= m[batch + b]
                        : kind == 3 ? m[b * keys + j] > 0
                                    : m[(b * queries + i) * keys + j] > 0;
      return (seen ? 0 : -2.0) + (round % 2 ? in[5].as<float>()[(h * queries + i) * keys + j] : 0);
    };
    expect_near(run_op(isa(), "com.microsoft:MultiHeadAttention", in, in[0].dims,
                       {{"num_heads", heads}, {"mask_filter_value", -2.0f}}, 0, 2),
                attend(p, false), 1e-4, 1e-5, "round " + std::to_string(round));
  }
}

TEST_P(CpuAttention, CacheOfGroupQueryAttentionIsWrong) {
  for (int round = 0; round < 30; ++round) {
    const int64_t batch = pick(1, 2), kv_heads = pick(1, 2), heads = kv_heads * pick(1, 6),
                  half = pick(1, 20), size = 2 * half + pick(0, 3), tokens = round % 2 ? 1 : pick(1, 50),
                  old = pick(0, 60), rows = std::max(old, tokens) + pick(0, std::min(old, tokens)),
                  window = round % 3 ? -1 : pick(1, 20);
    const bool packed = pick(0, 1) == 1, smooth = pick(0, 1) == 1, interleaved = pick(0, 1) == 1;
    const Data all = random({batch, tokens, (heads + 2 * kv_heads) * size}, round);
    Data past_key = random({batch, kv_heads, old, size}, round + 1),
         past_value = random(past_key.dims, round + 2);
    const Data cosine = random({rows, half}, round + 3), sine = random({rows, half}, round + 4);
    Data lengths(HRT_INT32, {batch});
    for (int64_t b = 0; b < batch; ++b)
      lengths.as<int32_t>()[b] = int32_t(pick(tokens, std::min(rows, old + tokens)) - 1);
    const auto part = [&](int64_t first, int64_t n) {
      Data d(HRT_FLOAT32, {batch, tokens, n * size});
      for (int64_t t = 0; t < batch * tokens; ++t)
        std::copy_n(all.as<float>() + (t * (heads + 2 * kv_heads) + first) * size, n * size,
                    d.as<float>() + t * n * size);
      return d;
    };
    const Data query = part(0, heads), key = part(heads, kv_heads), value = part(heads + kv_heads, kv_heads);
    const std::vector<Data> in = {packed ? all : query,
                                  packed ? absent() : key,
                                  packed ? absent() : value,
                                  old ? past_key : absent(),
                                  old ? past_value : absent(),
                                  lengths,
                                  Data(Dims{}, std::vector<int32_t>{int32_t(rows)}),
                                  cosine,
                                  sine};
    const auto before = [&](int64_t b) { return lengths.as<int32_t>()[b] + 1 - tokens; };
    const auto rotated = [&](const Element& x, int64_t b, int64_t h, int64_t t, int64_t d) {
      if (d >= 2 * half) return x(b, h, t, d);
      const int64_t i = interleaved ? d / 2 : d % half, a = interleaved ? 2 * i : i,
                    z = interleaved ? 2 * i + 1 : i + half;
      const int64_t at = (before(b) + t) * half + i;
      const double c = cosine.as<float>()[at], s = sine.as<float>()[at];
      return d == a ? c * x(b, h, t, a) - s * x(b, h, t, z) : s * x(b, h, t, a) + c * x(b, h, t, z);
    };
    const Element q = element(query, heads), k = element(key, kv_heads), v = element(value, kv_heads),
                  pk = element(past_key, kv_heads), pv = element(past_value, kv_heads);
    Problem p{batch, heads, kv_heads, tokens, rows, size, size};
    p.scale = 0.7;
    p.q = [&](int64_t b, int64_t h, int64_t i, int64_t d) { return rotated(q, b, h, i, d); };
    const auto cached = [&](int64_t b, int64_t j, auto old_of, auto new_of) {
      return j < before(b) ? old_of(j) : j < before(b) + tokens ? new_of(j - before(b)) : 0.0;
    };
    p.k = [&](int64_t b, int64_t h, int64_t j, int64_t d) {
      return cached(
          b, j, [&](int64_t t) { return pk(b, h, t, d); }, [&](int64_t t) { return rotated(k, b, h, t, d); });
    };
    p.v = [&](int64_t b, int64_t h, int64_t j, int64_t d) {
      return cached(
          b, j, [&](int64_t t) { return pv(b, h, t, d); }, [&](int64_t t) { return v(b, h, t, d); });
    };
    p.add = [&](int64_t b, int64_t, int64_t i, int64_t j) {
      const int64_t at = before(b) + i;
      return j <= at && (window < 0 || j > at - window) ? 0 : -kInf;
    };
    if (smooth) p.sink = [](int64_t) { return 0.0; };
    const Dims cache = {batch, kv_heads, rows, size};
    const auto got =
        run_ops(isa(), "com.microsoft:GroupQueryAttention", in, {Out(query.dims), Out(cache), Out(cache)},
                {{"num_heads", heads},
                 {"kv_num_heads", kv_heads},
                 {"do_rotary", 1},
                 {"scale", 0.7f},
                 {"rotary_interleaved", int64_t(interleaved)},
                 {"local_window_size", window},
                 {"smooth_softmax", int64_t(smooth)}},
                0, 2);
    const std::string what = "round " + std::to_string(round);
    expect_near(got[0], attend(p, false), 1e-4, 1e-5, what);
    for (const bool is_value : {false, true}) {
      std::vector<double> want;
      for_each(cache,
               [&](const Dims& at) { want.push_back((is_value ? p.v : p.k)(at[0], at[1], at[2], at[3])); });
      expect_near(got[is_value ? 2 : 1], want, 1e-5, 1e-6, what + ", present");
    }
  }
}

TEST_P(CpuAttention, BadLengthsOfGroupQueryAttentionAreTaken) {
  const Data q = random({1, 2, 8}, 1), cache = random({1, 1, 4, 8}, 2), angles = random({4, 4}, 3);
  const auto answer = [&](int32_t length, const Data& table) {
    return refusal(isa(), "com.microsoft:GroupQueryAttention",
                   {q, q, q, cache, cache, Data(Dims{1}, std::vector<int32_t>{length}),
                    Data(Dims{}, std::vector<int32_t>{4}), table, table},
                   q.dims, {{"num_heads", 1}, {"kv_num_heads", 1}, {"do_rotary", 1}});
  };
  EXPECT_EQ(answer(3, angles), "");
  for (const int32_t bad : {-1, -2000000000, 100, 2147483647})
    EXPECT_NE(answer(bad, angles).find("seqlens_k"), std::string::npos) << bad;
  EXPECT_NE(answer(3, random({3, 4}, 3)).find("outside the cache"), std::string::npos);
}

TEST_P(CpuAttention, ProjectionOfAttentionIsWrong) {
  const int64_t batch = 2, tokens = 37, width = 19, heads = 3, size = 5, past = 4, n = heads * size;
  const Data x = random({batch, tokens, width}, 1), w = random({width, 3 * n}, 2), bias = random({3 * n}, 3),
             old = random({2, batch, heads, past, size}, 4);
  Data qkv(HRT_FLOAT32, {batch, tokens, 3 * n});
  for_each({batch * tokens, 3 * n}, [&](const Dims& at) {
    double sum = bias.as<float>()[at[1]];
    for (int64_t k = 0; k < width; ++k)
      sum += double(x.as<float>()[at[0] * width + k]) * w.as<float>()[k * 3 * n + at[1]];
    qkv.as<float>()[at[0] * 3 * n + at[1]] = float(sum);
  });
  const auto part = [&](int64_t which) -> Element {
    return [&, which](int64_t b, int64_t h, int64_t i, int64_t d) {
      if (which && i < past)
        return double(old.as<float>()[((((which - 1) * batch + b) * heads + h) * past + i) * size + d]);
      return double(
          qkv.as<float>()[(b * tokens + i - (which ? past : 0)) * 3 * n + which * n + h * size + d]);
    };
  };
  Problem p{batch, heads, heads, tokens, past + tokens, size, size};
  p.scale = 1 / std::sqrt(double(size));
  p.q = part(0);
  p.k = part(1);
  p.v = part(2);
  p.add = [&](int64_t, int64_t, int64_t i, int64_t j) { return j <= past + i ? 0 : -kInf; };
  const Dims present = {2, batch, heads, past + tokens, size};
  const auto got =
      run_ops(isa(), "com.microsoft:Attention", {x, w, bias, absent(), old},
              {{batch, tokens, n}, Out(present)}, {{"num_heads", heads}, {"unidirectional", 1}}, 0b110);
  expect_near(got[0], attend(p, false), 1e-4, 1e-5, "output");
  std::vector<double> want;
  for_each(present, [&](const Dims& at) { want.push_back((at[0] ? p.v : p.k)(at[1], at[2], at[3], at[4])); });
  expect_near(got[1], want, 1e-5, 1e-5, "present");
}

TEST_P(CpuAttention, RotaryEmbeddingIsWrong) {
  for (int round = 0; round < 20; ++round) {
    const int64_t batch = pick(1, 2), heads = pick(1, 3), tokens = pick(1, 9), half = pick(1, 40);
    const bool tokens_first = pick(0, 1) == 1, interleaved = pick(0, 1) == 1;
    const Data x = random(tokens_first ? Dims{batch, tokens, heads * 2 * half}
                                       : Dims{batch, heads, tokens, 2 * half},
                          round),
               c = random({20, half}, round + 1), s = random({20, half}, round + 2);
    Data ids(HRT_INT64, {batch, tokens});
    for (int64_t i = 0; i < batch * tokens; ++i) ids.as<int64_t>()[i] = pick(0, 19);
    const Element in = element(x, heads);
    std::vector<double> want;
    const Dims walk =
        tokens_first ? Dims{batch, tokens, heads, 2 * half} : Dims{batch, heads, tokens, 2 * half};
    for_each(walk, [&](const Dims& at) {
      const int64_t h = at[tokens_first ? 2 : 1], t = at[tokens_first ? 1 : 2], d = at[3];
      const int64_t i = interleaved ? d / 2 : d % half, a = interleaved ? 2 * i : i,
                    z = interleaved ? 2 * i + 1 : i + half;
      const int64_t row = ids.as<int64_t>()[at[0] * tokens + t] * half + i;
      const double cs = c.as<float>()[row], sn = s.as<float>()[row], p = in(at[0], h, t, a),
                   q = in(at[0], h, t, z);
      want.push_back(d == a ? cs * p - sn * q : sn * p + cs * q);
    });
    std::vector<Attr> attrs = {{"interleaved", int64_t(interleaved)}};
    expect_near(run_op(isa(), "com.microsoft:RotaryEmbedding", {x, ids, c, s}, x.dims, attrs, 0, 2), want,
                1e-5, 1e-6, "ms");
    attrs.emplace_back("num_heads", heads);
    expect_near(run_op(isa(), "RotaryEmbedding", {x, c, s, ids}, x.dims, attrs), want, 1e-5, 1e-6, "onnx");
    ids.as<int64_t>()[0] = round % 2 ? -1 : 20;
    EXPECT_NE(refusal(isa(), "RotaryEmbedding", {x, c, s, ids}, x.dims, attrs).find("outside the cache"),
              std::string::npos);
  }
}

TEST_P(CpuAttention, SkipNormalizationIsWrong) {
  for (const int64_t n : {1, 7, 64, 100})
    for (const bool centre : {false, true})
      for (const int64_t skips : {2, 1}) {
        const Data x = random({2, 3, n}, 1), skip = random({skips, 3, n}, 2), gamma = random({n}, 3),
                   beta = random({n}, 4), bias = random({n}, 5);
        std::vector<double> want, sums, means, inverses;
        for (int64_t r = 0; r < 6; ++r) {
          std::vector<double> row;
          double mean = 0, square = 0;
          for (int64_t i = 0; i < n; ++i) {
            row.push_back(double(x.as<float>()[r * n + i]) + skip.as<float>()[r % (skips * 3) * n + i] +
                          bias.as<float>()[i]);
            mean += row.back() / double(n);
          }
          if (!centre) mean = 0;
          for (const double v : row) square += (v - mean) * (v - mean) / double(n);
          means.push_back(mean);
          inverses.push_back(1 / std::sqrt(square + 1e-3));
          for (int64_t i = 0; i < n; ++i) {
            sums.push_back(row[size_t(i)]);
            want.push_back((row[size_t(i)] - mean) * inverses.back() * gamma.as<float>()[i] +
                           (centre ? beta.as<float>()[i] : 0));
          }
        }
        std::vector<Data> in = {x, skip, gamma};
        if (centre) in.push_back(beta);
        in.push_back(bias);
        const auto got =
            run_ops(isa(),
                    centre ? "com.microsoft:SkipLayerNormalization"
                           : "com.microsoft:SkipSimplifiedLayerNormalization",
                    in, {Out(x.dims), {2, 3, 1}, {2, 3, 1}, Out(x.dims)}, {{"epsilon", 1e-3f}}, 0, 2);
        expect_near(got[0], want, 1e-4, 1e-5, "output");
        expect_near(got[1], means, 1e-5, 1e-6, "mean");
        expect_near(got[2], inverses, 1e-4, 1e-5, "inverse");
        expect_near(got[3], sums, 1e-6, 1e-6, "sum");
      }
}

TEST_P(CpuAttention, EmbeddingOfABadWordIsTaken) {
  const auto answer = [&](int32_t word, int32_t segment) {
    return refusal(
        isa(), "com.microsoft:EmbedLayerNormalization",
        {Data(Dims{1, 2}, std::vector<int32_t>{0, word}), Data(Dims{1, 2}, std::vector<int32_t>{0, segment}),
         random({5, 8}, 1), random({2, 8}, 2), random({2, 8}, 3), random({8}, 4), random({8}, 5)},
        {1, 2, 8});
  };
  EXPECT_EQ(answer(4, 1), "");
  for (const int32_t bad : {-1, 5, 2147483647})
    EXPECT_NE(answer(bad, 0).find("word_embedding"), std::string::npos);
  EXPECT_NE(answer(0, 2).find("segment_embedding"), std::string::npos);
}

TEST_P(CpuAttention, ProductWithWeightsOfFewBitsIsWrong) {
  for (const int64_t bits : {4, 8})
    for (int round = 0; round < 24; ++round) {
      const int64_t m = round % 12 ? round % 12 : 50, n = pick(1, 90), k = pick(1, 400),
                    block = int64_t(32) << pick(0, 3), blocks = (k + block - 1) / block,
                    bytes = block * bits / 8, zero_bytes = (blocks * bits + 7) / 8;
      Data w(HRT_UINT8, {n, blocks, bytes}), zeros(HRT_UINT8, {n, zero_bytes});
      for (std::byte& b : w.bytes) b = std::byte(pick(0, 255));
      for (std::byte& b : zeros.bytes) b = std::byte(pick(0, 255));
      const Data x = random({m, k}, round), scales = random({n, blocks}, round + 1),
                 bias = random({n}, round + 2);
      const int kind = round % 3;  // of zero points: none, packed, floats
      const Data floats = random({n, blocks}, round + 3);
      const auto at = [&](const Data& d, int64_t row, int64_t row_bytes, int64_t i) {
        return int(d.as<uint8_t>()[row * row_bytes + i * bits / 8]) >> (i * bits % 8) & ((1 << bits) - 1);
      };
      std::vector<double> want;
      for_each({m, n}, [&](const Dims& o) {
        double sum = bias.as<float>()[o[1]];
        for (int64_t i = 0; i < k; ++i) {
          const int64_t g = o[1] * blocks + i / block;
          const double zero = kind == 0   ? 1 << (bits - 1)
                              : kind == 1 ? at(zeros, o[1], zero_bytes, i / block)
                                          : double(floats.as<float>()[g]);
          sum +=
              x.as<float>()[o[0] * k + i] * (at(w, o[1], blocks * bytes, i) - zero) * scales.as<float>()[g];
        }
        want.push_back(sum);
      });
      const double size = std::sqrt(double(k)) * double(1 << bits);
      expect_near(run_op(isa(), "com.microsoft:MatMulNBits",
                         {x, w, scales,
                          kind == 0   ? absent()
                          : kind == 1 ? zeros
                                      : floats,
                          absent(), bias},
                         {m, n}, {{"K", k}, {"N", n}, {"bits", bits}, {"block_size", block}}, 0b101110, 2),
                  want, 1e-5, 1e-6 * size,
                  "bits " + std::to_string(bits) + ", round " + std::to_string(round));
    }
}

TEST_P(CpuAttention, ActivationWithBiasIsWrong) {
  Data x = random({3, 5, 21}, 1);
  for (int64_t i = 0; i < count(x.dims); ++i) x.as<float>()[i] *= 5;
  x.as<float>()[0] = NAN;
  x.as<float>()[1] = INFINITY;
  x.as<float>()[2] = 1e-40f;
  const Data bias = random({21}, 2);
  for (const std::string op : {"Gelu", "BiasGelu", "FastGelu", "QuickGelu"}) {
    const bool with_bias = op == "BiasGelu" || op == "FastGelu";
    std::vector<double> want;
    for (int64_t i = 0; i < count(x.dims); ++i) {
      const double v = double(x.as<float>()[i]) + (with_bias ? bias.as<float>()[i % 21] : 0.0f);
      const double u = std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v);
      want.push_back(op == "FastGelu"    ? v / 2 * (1 + std::tanh(u))
                     : op == "QuickGelu" ? v / (1 + std::exp(-1.702 * v))
                                         : v / 2 * std::erfc(-v / std::sqrt(2.0)));
    }
    expect_near(run_op(isa(), "com.microsoft:" + op,
                       with_bias ? std::vector<Data>{x, bias} : std::vector<Data>{x}, x.dims),
                want, 1e-5, 1e-6, op);
  }
}

HRT_FOR_EACH_ISA(CpuAttention);

}  // namespace
}  // namespace hrt::test
