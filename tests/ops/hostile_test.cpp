// SPDX-License-Identifier: Apache-2.0
// Every case of cases/*.txt with numbers, shapes and inputs changed at random: an operator may answer or
// refuse, but neither crash, nor hang, nor take memory without bound, nor contradict its inference.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/tensor/tensor.h"
#include "tests/ops/op_test.h"

namespace hrt::test {
namespace {

constexpr int kRounds = 12;  // of every case
constexpr uint64_t kMemory = 64 << 20;

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  void change(OpCase& c) {
    for (unsigned i = 0, n = 1 + below(3); i < n; ++i) {
      const unsigned kind = below(10);
      if (kind < 4 && !c.attributes.empty())
        attribute(c.attributes[below(c.attributes.size())]);
      else if (kind < 8 && !c.inputs.empty())
        elements(c.inputs[below(c.inputs.size())]);
      else if (kind < 9 && !c.inputs.empty())
        shape(c.inputs[below(c.inputs.size())]);
      else if (!c.inputs.empty())
        c.inputs[below(c.inputs.size())] = Tensor();
    }
  }

 private:
  unsigned below(size_t n) { return unsigned(random_() % n); }
  int64_t number() {
    static constexpr int64_t kEdges[] = {0,         1,        -1,          2,         -2,        3,
                                         7,         -9,       100,         INT32_MAX, INT32_MIN, INT64_MAX,
                                         INT64_MIN, 1L << 62, -(1L << 62), 1L << 40,  65536,     1L << 31};
    return kEdges[below(std::size(kEdges))];
  }

  void attribute(Attribute& a) {
    if (auto* i = std::get_if<int64_t>(&a.data)) *i = number();
    if (auto* f = std::get_if<float>(&a.data)) *f = below(2) ? NAN : float(number());
    if (auto* list = std::get_if<std::vector<int64_t>>(&a.data)) {
      if (list->empty() || below(4) == 0)
        list->push_back(number());
      else if (below(4) == 0)
        list->pop_back();
      else
        (*list)[below(list->size())] = number();
    }
    if (auto* list = std::get_if<std::vector<float>>(&a.data))
      if (!list->empty()) list->pop_back();
  }

  void elements(Tensor& t) {
    const uint64_t size = t.empty() ? 0 : t.size();
    if (size == 0) return;
    const size_t at = below(size);
    t = Tensor::copy_of(t.c());
    const int64_t v = number();
    switch (t.dtype()) {
      case HRT_INT64: t.data_as<int64_t>()[at] = v; break;
      case HRT_INT32: t.data_as<int32_t>()[at] = int32_t(v); break;
      case HRT_FLOAT32: t.data_as<float>()[at] = below(3) ? float(v) : below(2) ? NAN : INFINITY; break;
      default: break;
    }
  }

  void shape(Tensor& t) {
    if (t.empty() || t.dtype() == HRT_STRING) return;
    Dims dims = t.dims();
    if (dims.empty() || below(3) == 0)
      dims.insert(dims.begin(), 1 + below(2));
    else if (below(2))
      dims[below(dims.size())] = below(4);
    else
      dims.erase(dims.begin() + below(dims.size()));
    const Tensor from = t;
    t = Tensor::allocate(t.dtype(), dims);
    std::copy_n(static_cast<const char*>(from.data()), std::min(from.bytes(), t.bytes()),
                static_cast<char*>(t.data()));
  }

  std::mt19937 random_;
};

class HostileCase : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(HostileCase, IsAnsweredOrRefused) {
  set_memory_limit(memory_in_use() + kMemory);
  unsigned seed = 0;
  for (const OpCase& original : read_cases(GetParam())) {
    for (int round = 0; round < kRounds; ++round) {
      OpCase c = original;
      Mutator(++seed).change(c);
      SCOPED_TRACE(testing::Message() << c.op << " " << c.name << ", seed " << seed);
      try {
        run(c, Known(round % 4));
      } catch (const Error& e) {
        EXPECT_NE(e.code(), HRT_ERROR_INTERNAL) << e.what();
      }
    }
  }
  set_memory_limit(0);
}

std::vector<std::filesystem::path> files() {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(HRT_CASES_DIR))
    if (entry.path().extension() == ".txt") all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  return all;
}

INSTANTIATE_TEST_SUITE_P(Ops, HostileCase, testing::ValuesIn(files()),
                         [](const auto& info) { return info.param.stem().string(); });

}  // namespace
}  // namespace hrt::test
