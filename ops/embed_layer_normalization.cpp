// SPDX-License-Identifier: Apache-2.0
// com.microsoft.EmbedLayerNormalization: LayerNormalization of the sum of a word's, its position's and its
// segment's embedding.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.EmbedLayerNormalization
#include "norm.h"

namespace hrt::ops {
namespace {

enum : uint32_t {
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

void infer(const Infer& c) {
  const auto ids = c.dims(kWords), table = c.dims(kWordTable);
  require((!ids || ids->size() == 2) && (!table || table->size() == 2),
          "input_ids and word_embedding do not have rank 2");
  const int64_t batch = ids ? (*ids)[0] : HRT_DIM_UNKNOWN, sequence = ids ? (*ids)[1] : HRT_DIM_UNKNOWN;
  const TensorType y(c.dtype(kWordTable), {batch, sequence, table ? (*table)[1] : HRT_DIM_UNKNOWN});
  c.output(0, y);
  if (c.output_count() > 1) c.output(1, TensorType(HRT_INT32, {batch}));
  if (c.output_count() > 2) c.output(2, y);
}

// Rows of a table by the ids of another input.
class Table {
 public:
  Table(const Kernel& c, uint32_t table, int64_t hidden, const char* name)
      : values_(to_doubles(c.input(table))),
        rows_(c.input(table).rank() == 2 ? c.input(table).dim(0) : 0),
        name_(name) {
    require(c.input(table).rank() == 2 && c.input(table).dim(1) == hidden, name, " of shape ",
            c.input(table).dims());
  }
  const double* row(int64_t id) const {
    require(id >= 0 && id < rows_, "index ", id, " is outside ", name_, " of ", rows_, " rows");
    return values_.data() + id * int64_t(values_.size()) / rows_;
  }

 private:
  std::vector<double> values_;
  int64_t rows_;
  const char* name_;
};

void compute(const Kernel& c) {
  const Tensor words = c.input(kWords);
  require(words.rank() == 2 && c.input(kWordTable).rank() == 2,
          "input_ids and word_embedding do not have rank 2");
  const int64_t batch = words.dim(0), sequence = words.dim(1), hidden = c.input(kWordTable).dim(1);
  const auto segments = c.optional(kSegments), mask = c.optional(kMask), positions = c.optional(kPositions);
  require(segments.has_value() == c.has(kSegmentTable), "segment_ids and segment_embedding go together");
  for (const auto& t : {segments, mask})
    require(!t || std::ranges::equal(t->dims(), words.dims()),
            "segment_ids or mask differ from input_ids in shape");
  require(!positions || std::ranges::equal(positions->dims(), words.dims()) ||
              std::ranges::equal(positions->dims(), Dims{1, sequence}),
          "position_ids has the wrong shape");
  const Table word(c, kWordTable, hidden, "word_embedding"),
      position(c, kPositionTable, hidden, "position_embedding");
  std::optional<Table> segment;
  if (segments) segment.emplace(c, kSegmentTable, hidden, "segment_embedding");
  const auto gamma = per_channel(c, kGamma, hidden, "gamma"), beta = per_channel(c, kBeta, hidden, "beta");
  const double epsilon = c.node().f("epsilon", 1e-12f);

  const Dims dims{batch, sequence, hidden};
  const hrt_dtype dtype = c.input(kWordTable).dtype();
  const Tensor y = c.output(0, dtype, dims);
  std::optional<Tensor> sums;
  if (c.wanted(2)) sums = c.output(2, dtype, dims);
  std::vector<double> row(static_cast<size_t>(hidden));
  dispatch(Floats{}, dtype, [&]<class T>() {
    for (int64_t t = 0; t < words.size(); ++t) {
      const double *w = word.row(words.data<int32_t>()[t]),
                   *p = position.row(positions ? positions->data<int32_t>()[t % positions->size()]
                                               : t % sequence),
                   *s = segment ? segment->row(segments->data<int32_t>()[t]) : nullptr;
      for (int64_t i = 0; i < hidden; ++i) row[size_t(i)] = w[i] + p[i] + (s ? s[i] : 0);
      const Moments m = moments(row.data(), hidden);
      const double factor = 1 / std::sqrt(m.variance + epsilon);
      for (int64_t i = 0; i < hidden; ++i) {
        const size_t k = size_t(i);
        y.data<T>()[t * hidden + i] = T(acc_t<T>((row[k] - m.mean) * factor * gamma[k] + beta[k]));
        if (sums) sums->data<T>()[t * hidden + i] = T(acc_t<T>(row[k]));
      }
    }
  });
  if (!c.wanted(1)) return;
  const Tensor index = c.output(1, HRT_INT32, Dims{batch});  // words of each item that the mask leaves
  for (int64_t b = 0; b < batch; ++b) {
    const auto seen =
        mask ? mask->span<int32_t>().subspan(size_t(b * sequence), size_t(sequence)) : std::span<int32_t>();
    index.data<int32_t>()[b] = int32_t(std::count(seen.begin(), seen.end(), 1));
  }
}

const Register embed(Op{
    .domain = "com.microsoft",
    .name = "EmbedLayerNormalization",
    .since = 1,
    .doc = "LayerNormalization of a sum of embeddings",
    .inputs = {{"input_ids", "int32"},
               {"segment_ids", "int32", HRT_PARAM_OPTIONAL},
               {"word_embedding", "T"},
               {"position_embedding", "T"},
               {"segment_embedding", "T", HRT_PARAM_OPTIONAL},
               {"gamma", "T"},
               {"beta", "T"},
               {"mask", "int32", HRT_PARAM_OPTIONAL},
               {"position_ids", "int32", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "T"},
                {"mask_index", "int32", HRT_PARAM_OPTIONAL},
                {"embedding_sum", "T", HRT_PARAM_OPTIONAL}},
    .attrs = {{"epsilon", HRT_ATTR_FLOAT, "1e-12"}, {"mask_index_type", HRT_ATTR_INT, "1"}},
    .types = {{"T", kFloat}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
