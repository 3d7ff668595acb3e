// SPDX-License-Identifier: Apache-2.0
// SkipLayerNormalization, SkipSimplifiedLayerNormalization and EmbedLayerNormalization of com.microsoft:
// normalisations of a row that is the sum of others, made where the result goes.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include "backends/cpu/kernels/norm.h"

namespace hrt::cpu {
namespace {

void require_vector(const Operand& o, int64_t n, const char* what) {
  require(!o.present() || o.dims == Dims{n}, what, " of shape ", o.dims, " for rows of ", n);
}

void add_row(const float* x, float* y, int64_t n) {
  map2<1, 1>(x, y, y, n, [](Vec a, Vec b) { return hn::Add(a, b); });
}

// Where an optional output goes.
struct Out {
  bool wanted = false;
  size_t index = 0;
  Out(const Signature& sig, size_t i) : wanted(i < sig.out.size() && sig.out[i].present()), index(i) {}
  float* at(const Buffers& b, int64_t offset) const {
    return wanted ? b.output<float>(index) + offset : nullptr;
  }
};

Compiled skip_compile(const Node& node) {
  const bool centre = node.op() == "SkipLayerNormalization";
  const size_t beta = centre ? 3 : 0, bias = centre ? 4 : 3;
  Compiled c;
  c.prepare = [=, epsilon = node.f("epsilon", 1e-12f)](const Signature& sig) -> Step {
    const Dims &x = sig.in[0].dims, &skip = sig.in[1].dims;
    require(x.size() == 2 || x.size() == 3, "input has rank ", int64_t(x.size()), ", not 2 or 3");
    const Dims tail(x.end() - 2, x.end());
    Dims one = tail;
    one.insert(one.begin(), 1);
    require(skip == x || skip == tail || skip == one, "skip of shape ", skip, " for an input of ", x);
    const int64_t n = x.back(), rows = n ? sig.in[0].count() / n : 0, skips = n ? sig.in[1].count() / n : 0;
    require_vector(sig.in[2], n, "gamma");
    const bool has_beta = beta && sig.has_in(beta), has_bias = sig.has_in(bias);
    if (has_beta) require_vector(sig.in[beta], n, "beta");
    if (has_bias) require_vector(sig.in[bias], n, "bias");
    const Out means(sig, 1), inverses(sig, 2), sums(sig, 3);
    return {[=](const Buffers& b) {
      const float *gamma = b.input<float>(2), *shift = has_beta ? b.input<float>(beta) : nullptr,
                  *add = has_bias ? b.input<float>(bias) : nullptr;
      parallel(rows, double(n) * 0.4 + 10, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const float *in = b.input<float>(0) + r * n, *other = b.input<float>(1) + r % skips * n;
          float *y = b.output<float>(0) + r * n, *sum = sums.wanted ? sums.at(b, r * n) : y;
          map2<1, 1>(in, other, sum, n, [](Vec p, Vec q) { return hn::Add(p, q); });
          if (add) add_row(add, sum, n);
          const Moments m = centre ? moments(sum, n, epsilon) : root_mean_square(sum, n, epsilon);
          scale_row(sum, y, n, m, gamma, shift);
          if (means.wanted) *means.at(b, r) = m.mean;
          if (inverses.wanted) *inverses.at(b, r) = m.inverse;
        }
      });
    }};
  };
  return c;
}

// ---------------------------------------------------------------------------- EmbedLayerNormalization

enum : size_t {
  kWords,
  kSegments,
  kWordTable,
  kPositionTable,
  kSegmentTable,
  kGamma,
  kBeta,
  kMask,
  kPositions
};

std::string embed_supports(const Node& node) {
  const Graph graph(node.graph());
  for (const size_t i : {kWordTable, kPositionTable, kSegmentTable, kGamma, kBeta})
    if (node.has_input(i))
      if (const hrt_dtype t = graph.value(node.input(i)).dtype(); t != HRT_FLOAT32)
        return sdk::cat("dtype ", dtype_name(t), " of input ", int64_t(i));
  return "";
}

void check_ids(const int32_t* ids, int64_t n, int64_t rows, const char* table) {
  for (int64_t i = 0; i < n; ++i)
    require(ids[i] >= 0 && ids[i] < rows, "index ", ids[i], " is outside ", table, " of ", rows, " rows");
}

Compiled embed_compile(const Node& node) {
  Compiled c;
  c.prepare = [epsilon = node.f("epsilon", 1e-12f)](const Signature& sig) -> Step {
    const Dims& d = sig.in[kWords].dims;
    require(d.size() == 2 && sig.in[kWordTable].rank() == 2,
            "input_ids and word_embedding do not have rank 2");
    const int64_t batch = d[0], sequence = d[1], n = sig.in[kWordTable].dims[1];
    const auto rows_of = [&](size_t table) {
      if (!sig.has_in(table)) return int64_t(0);
      require(sig.in[table].rank() == 2 && sig.in[table].dims[1] == n, "an embedding of shape ",
              sig.in[table].dims);
      return sig.in[table].dims[0];
    };
    const int64_t words = rows_of(kWordTable), positions = rows_of(kPositionTable),
                  segments = rows_of(kSegmentTable);
    require(sig.has_in(kSegments) == sig.has_in(kSegmentTable),
            "segment_ids and segment_embedding go together");
    const bool with_segments = sig.has_in(kSegments), mask = sig.has_in(kMask), ids = sig.has_in(kPositions);
    for (const size_t i : {kSegments, kMask})
      require(!sig.has_in(i) || sig.in[i].dims == d, "segment_ids or mask differ from input_ids in shape");
    const bool shared = ids && sig.in[kPositions].dims == Dims{1, sequence};
    require(!ids || shared || sig.in[kPositions].dims == d, "position_ids has the wrong shape");
    require(ids || sequence <= positions, "index ", sequence - 1, " is outside position_embedding of ",
            positions, " rows");
    require_vector(sig.in[kGamma], n, "gamma");
    require_vector(sig.in[kBeta], n, "beta");
    const Out counts(sig, 1), sums(sig, 2);
    return {[=](const Buffers& b) {
      const int32_t *word = b.input<int32_t>(kWords),
                    *segment = with_segments ? b.input<int32_t>(kSegments) : nullptr,
                    *position = ids ? b.input<int32_t>(kPositions) : nullptr;
      check_ids(word, batch * sequence, words, "word_embedding");
      if (segment) check_ids(segment, batch * sequence, segments, "segment_embedding");
      if (position)
        check_ids(position, shared ? sequence : batch * sequence, positions, "position_embedding");
      parallel(batch * sequence, double(n) * 0.5 + 10, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          const int64_t p = !position ? t % sequence : shared ? position[t % sequence] : position[t];
          float *y = b.output<float>(0) + t * n, *sum = sums.wanted ? sums.at(b, t * n) : y;
          map2<1, 1>(b.input<float>(kWordTable) + word[t] * n, b.input<float>(kPositionTable) + p * n, sum, n,
                     [](Vec x, Vec z) { return hn::Add(x, z); });
          if (segment) add_row(b.input<float>(kSegmentTable) + segment[t] * n, sum, n);
          scale_row(sum, y, n, moments(sum, n, epsilon), b.input<float>(kGamma), b.input<float>(kBeta));
        }
      });
      for (int64_t i = 0; counts.wanted && i < batch; ++i) {
        const int32_t* m = mask ? b.input<int32_t>(kMask) + i * sequence : nullptr;
        b.output<int32_t>(1)[i] = m ? int32_t(std::count(m, m + sequence, 1)) : 0;
      }
    }};
  };
  return c;
}

}  // namespace

std::span<const Op> skip_norm_ops() {
  static const Op ops[] = {
      {"com.microsoft", "SkipLayerNormalization", float32_only, skip_compile},
      {"com.microsoft", "SkipSimplifiedLayerNormalization", float32_only, skip_compile},
      {"com.microsoft", "EmbedLayerNormalization", embed_supports, embed_compile},
  };
  return ops;
}

}  // namespace hrt::cpu
