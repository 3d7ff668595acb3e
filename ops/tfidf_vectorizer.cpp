// SPDX-License-Identifier: Apache-2.0
// TfIdfVectorizer: how often every n-gram of a pool occurs.
// https://onnx.ai/onnx/operators/onnx__TfIdfVectorizer.html
#include <map>

#include "dims.h"

namespace hrt::ops {
namespace {

// An n-gram that occurs in the pool adds to the output at its index; words are numbered.
struct Pool {
  std::map<std::string, int64_t> strings;
  std::map<int64_t, int64_t> ints;
  std::map<Dims, size_t> grams;  // words to position in the pool
  int64_t shortest, longest;

  explicit Pool(const Node& node) : shortest(node.i("min_gram_length")), longest(node.i("max_gram_length")) {
    const Dims words = words_of(node), starts = node.ints("ngram_counts");
    require(shortest >= 1 && shortest <= longest, "n-grams of ", shortest, " to ", longest, " words");
    size_t gram = 0;
    for (size_t n = 1; n <= starts.size(); ++n) {
      const int64_t begin = starts[n - 1], end = n < starts.size() ? starts[n] : int64_t(words.size());
      require(begin >= 0 && begin <= end && end <= int64_t(words.size()) && (end - begin) % int64_t(n) == 0,
              "ngram_counts does not fit a pool of ", words.size());
      for (int64_t at = begin; at < end; at += int64_t(n), ++gram)
        grams.emplace(Dims(words.begin() + at, words.begin() + at + int64_t(n)), gram);
    }
    const size_t indexes = node.ints("ngram_indexes").size();
    require(gram == indexes, "ngram_indexes has ", indexes, " entries for ", gram, " n-grams");
  }

  Dims words_of(const Node& node) {
    Dims words;
    require(node.has("pool_int64s") != node.has("pool_strings"),
            "exactly one of pool_int64s and pool_strings must be set");
    for (int64_t v : node.ints("pool_int64s")) words.push_back(ints.emplace(v, ints.size()).first->second);
    for (const std::string& s : node.strings("pool_strings"))
      words.push_back(strings.emplace(s, strings.size()).first->second);
    return words;
  }

  // The elements of the input as words; -1: in no n-gram.
  Dims number(const Tensor& x) const {
    Dims out;
    auto find = [&](const auto& map, const auto& key) {
      const auto it = map.find(key);
      out.push_back(it == map.end() ? -1 : it->second);
    };
    require((x.dtype() == HRT_STRING) == ints.empty(), "the pool does not hold ", dtype_name(x.dtype()));
    if (x.dtype() == HRT_STRING)
      for (int64_t i = 0; i < x.size(); ++i) find(strings, std::string(x.string(i)));
    else
      for (int64_t v : to_int64s(x)) find(ints, v);
    return out;
  }
};

int64_t columns_of(const Node& node) {
  int64_t most = -1;
  for (int64_t i : node.ints("ngram_indexes")) {
    require(i >= 0 && i < INT32_MAX, "ngram_indexes has ", i);
    most = std::max(most, i);
  }
  return most + 1;
}

void infer(const Infer& c) {
  const auto in = c.dims(0);
  if (!in) return c.output(0, TensorType(HRT_FLOAT32));
  Dims out = {columns_of(c.node())};
  if (in->size() == 2) out.insert(out.begin(), (*in)[0]);
  c.output(0, TensorType(HRT_FLOAT32, out));
}

// Counts into frequency, by position in the pool, the n-grams of one row at every distance of words.
void count(const Pool& pool, std::span<const int64_t> row, int64_t max_skip, std::vector<float>& frequency) {
  const int64_t n = int64_t(row.size());
  for (int64_t distance = 1; distance - 1 <= max_skip && distance <= n; ++distance)
    for (int64_t start = 0; start < n; ++start) {
      Dims gram;
      for (int64_t at = start; at < n && int64_t(gram.size()) < pool.longest && row[size_t(at)] >= 0;
           at += distance) {
        gram.push_back(row[size_t(at)]);
        const int64_t length = int64_t(gram.size());
        if (length < pool.shortest || (length == 1 && distance > 1)) continue;  // single words count once
        if (const auto it = pool.grams.find(gram); it != pool.grams.end()) ++frequency[it->second];
      }
    }
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Node& node = c.node();
  require(x.rank() <= 2, "the input must have shape C or NxC, has ", x.dims());
  const Pool pool(node);
  const Dims indexes = node.ints("ngram_indexes");
  const auto weights = node.floats("weights");
  require(weights.empty() || weights.size() == indexes.size(), "weights has ", weights.size(),
          " entries, not ", indexes.size());
  const std::string mode = node.s("mode");
  require(mode == "TF" || mode == "IDF" || mode == "TFIDF", "there is no mode ", mode);
  const int64_t rows = x.rank() == 2 ? x.dim(0) : 1, columns = columns_of(node),
                length = rows ? x.size() / rows : 0;
  Dims dims = {columns};
  if (x.rank() == 2) dims.insert(dims.begin(), rows);
  const Tensor y = c.output(0, HRT_FLOAT32, dims);
  std::fill_n(y.data<float>(), y.size(), 0.0f);
  const Dims words = pool.number(x);
  for (int64_t r = 0; r < rows; ++r) {
    c.check_cancelled();
    std::vector<float> frequency(indexes.size(), 0);
    count(pool, std::span(words).subspan(size_t(r * length), size_t(length)), node.i("max_skip_count"),
          frequency);
    for (size_t g = 0; g < indexes.size(); ++g) {
      const float weight = mode == "TF" || weights.empty() ? 1 : weights[g];
      y.data<float>()[r * columns + indexes[g]] +=
          weight * (mode == "IDF" ? std::min(frequency[g], 1.0f) : frequency[g]);
    }
  }
}

const Register tfidf_vectorizer(Op{
    .name = "TfIdfVectorizer",
    .since = 9,
    .doc = "how often every n-gram of a pool occurs, weighted",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T1"}},
    .attrs = {{"max_gram_length", HRT_ATTR_INT, "", true},
              {"max_skip_count", HRT_ATTR_INT, "", true},
              {"min_gram_length", HRT_ATTR_INT, "", true},
              {"mode", HRT_ATTR_STRING, "", true},
              {"ngram_counts", HRT_ATTR_INTS, "", true},
              {"ngram_indexes", HRT_ATTR_INTS, "", true},
              {"pool_int64s", HRT_ATTR_INTS},
              {"pool_strings", HRT_ATTR_STRINGS},
              {"weights", HRT_ATTR_FLOATS, "1, ..."}},
    .types = {{"T", kString | kIndex}, {"T1", bits(HRT_FLOAT32)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
