// SPDX-License-Identifier: Apache-2.0
// Whatever attributes and inputs an operator is given: it answers or refuses, and what inference said
// beforehand holds for what comes out, however little it was told. The cases of cases/*.txt, changed at
// random. HRT_SOUND_ROUNDS sets how often each is changed (6), HRT_SOUND_SEED how (1):
//
//     HRT_SOUND_ROUNDS=1000 bin/hrt_ops_tests --gtest_filter='Sound*'
#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/ops/op_test.h"

namespace hrt::test {
namespace {

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

constexpr uint64_t kMostElements = 1 << 12;  // of an input: the reference kernels are slow
constexpr uint64_t kMostBytes = 1 << 22;     // of an output, as far as inference knows

// Small steps mostly; now and then a number that is used to break things.
class Mutator {
 public:
  explicit Mutator(uint64_t seed) : engine_(seed) {}

  OpCase operator()(OpCase c) {
    for (size_t n = 1 + below(3); n-- > 0;) {
      if (below(2) == 0 && !c.attributes.empty())
        change_attribute(c);
      else if (!c.inputs.empty())
        change_input(c);
    }
    return c;
  }

 private:
  size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }

  int64_t number(int64_t old) {
    constexpr int64_t kOdd[] = {0, 1, -1, 2, 3, -2, 7, -100, 100, INT32_MAX, INT64_MAX, INT64_MIN};
    switch (below(4)) {
      case 0: return old == INT64_MAX ? old : old + 1;
      case 1: return old == INT64_MIN ? old : old - 1;
      case 2: return int64_t(below(5)) - 2;
      default: return kOdd[below(std::size(kOdd))];
    }
  }
  float real(float old) {
    constexpr float kOdd[] = {0, 1, -1, 0.5f, 1e-30f, 1e30f, INFINITY, -INFINITY, NAN};
    return below(2) ? old * 2 : kOdd[below(std::size(kOdd))];
  }
  template <class T, class F>
  void change_list(std::vector<T>& v, F&& one) {
    if (below(4) == 0 || v.empty()) {
      if (below(2) == 0 && !v.empty())
        v.pop_back();
      else
        v.push_back(v.empty() ? T() : v.back());
    } else {
      T& e = v[below(v.size())];
      e = one(e);
    }
  }

  void change_attribute(OpCase& c) {
    const size_t at = below(c.attributes.size());
    if (below(8) == 0) {
      c.attributes.erase(c.attributes.begin() + int64_t(at));
      return;
    }
    auto& data = c.attributes[at].data;
    if (auto* i = std::get_if<int64_t>(&data)) *i = number(*i);
    if (auto* f = std::get_if<float>(&data)) *f = real(*f);
    if (auto* s = std::get_if<std::string>(&data)) *s = below(2) ? *s + "x" : "";
    if (auto* v = std::get_if<std::vector<int64_t>>(&data))
      change_list(*v, [&](int64_t e) { return number(e); });
    if (auto* v = std::get_if<std::vector<float>>(&data)) change_list(*v, [&](float e) { return real(e); });
  }

  void change_input(OpCase& c) {
    Tensor& t = c.inputs[below(c.inputs.size())];
    if (t.empty()) return;
    if (below(10) == 0) {
      t = Tensor();
      return;
    }
    Dims dims = t.dims();
    if (below(2) == 0) change_dims(dims);
    if (element_count(dims) > kMostElements) return;
    Tensor changed = Tensor::allocate(t.dtype(), dims);
    copy(t, changed);
    if (below(2) == 0) change_element(changed);
    t = changed;
  }

  void change_dims(Dims& dims) {
    switch (below(5)) {
      case 0: dims.insert(dims.begin() + int64_t(below(dims.size() + 1)), int64_t(below(3))); return;
      case 1:
        if (!dims.empty()) dims.erase(dims.begin() + int64_t(below(dims.size())));
        return;
      default:
        if (!dims.empty()) dims[below(dims.size())] = int64_t(below(6));
    }
    if (dims.size() > HRT_MAX_RANK) dims.pop_back();
  }

  // Elements of the old tensor, over and over.
  void copy(const Tensor& from, Tensor& to) {
    const uint64_t count = from.size();
    for (uint64_t i = 0; i < to.size() && count > 0; ++i) {
      const uint64_t k = i % count;
      if (to.dtype() == HRT_STRING) {
        to.set_string(i, from.string(k));
      } else if (const uint64_t bits = dtype_bits(to.dtype()); bits >= 8) {
        std::memcpy(to.data_as<char>() + i * (bits / 8), from.data_as<char>() + k * (bits / 8), bits / 8);
      }
    }
  }

  void change_element(Tensor& t) {
    const uint64_t size = t.size();
    if (size == 0) return;
    const size_t i = below(size);
    switch (t.dtype()) {
      case HRT_INT64: t.data_as<int64_t>()[i] = number(t.data_as<int64_t>()[i]); break;
      case HRT_INT32: t.data_as<int32_t>()[i] = int32_t(number(t.data_as<int32_t>()[i])); break;
      case HRT_FLOAT32: t.data_as<float>()[i] = real(t.data_as<float>()[i]); break;
      case HRT_FLOAT64: t.data_as<double>()[i] = double(real(float(t.data_as<double>()[i]))); break;
      case HRT_UINT8:
      case HRT_INT8: t.data_as<uint8_t>()[i] = uint8_t(below(256)); break;
      case HRT_BOOL: t.data_as<uint8_t>()[i] ^= 1; break;
      default: break;
    }
  }

  std::mt19937_64 engine_;
};

// What the operator refuses with, "" when it runs.
std::string refusal(const OpCase& c, Known known) {
  try {
    run(c, known, kMostBytes);
  } catch (const Error& e) {
    EXPECT_NE(e.code(), HRT_ERROR_INTERNAL) << e.what();
    return e.what();
  } catch (const Disagreement& e) {
    ADD_FAILURE() << "told level " << int(known) << ": " << e.what();
  }
  return "";
}

// Told less, inference must not refuse what runs when it is told all, and the kernel must refuse what
// inference would have. Returns whether it runs.
bool expect_sound(const OpCase& c) {
  const std::string all = refusal(c, Known::kData);
  for (const Known known : {Known::kShapes, Known::kSymbols, Known::kRanks, Known::kNothing}) {
    const std::string some = refusal(c, known);
    EXPECT_EQ(all.empty(), some.empty())
        << "told all: " << all << "\ntold level " << int(known) << ": " << some;
  }
  return all.empty();
}

std::string spelled(const OpCase& c) {
  std::string text = c.op;
  for (const Attribute& a : c.attributes) {
    text += "\n  " + a.name + " =";
    if (auto* i = std::get_if<int64_t>(&a.data)) text += " " + std::to_string(*i);
    if (auto* f = std::get_if<float>(&a.data)) text += " " + std::to_string(*f);
    if (auto* s = std::get_if<std::string>(&a.data)) text += " '" + *s + "'";
    if (auto* v = std::get_if<std::vector<int64_t>>(&a.data))
      for (int64_t e : *v) text += " " + std::to_string(e);
  }
  for (const Tensor& t : c.inputs) {
    text += "\n  in " + (t.empty() ? "-" : to_string(t.type()));
    for (uint64_t i = 0; !t.empty() && i < std::min<uint64_t>(t.size(), 8); ++i)
      if (t.dtype() == HRT_INT64) text += " " + std::to_string(t.data_as<int64_t>()[i]);
  }
  return text;
}

class Sound : public testing::TestWithParam<std::string> {};

TEST_P(Sound, InferenceAgreesWithTheKernel) {
  const uint64_t rounds = setting("HRT_SOUND_ROUNDS", 6), seed = setting("HRT_SOUND_SEED", 1);
  size_t number = 0, ran = 0, too_large = 0;
  for (const OpCase& original : read_cases(std::filesystem::path(HRT_CASES_DIR) / (GetParam() + ".txt"))) {
    Mutator mutate(seed * 1000003 + ++number);
    for (uint64_t r = 0; r < rounds; ++r) {
      const OpCase c = mutate(original);
      SCOPED_TRACE(original.name + ": " + spelled(c));
      try {
        ran += expect_sound(c);
      } catch (const TooLarge&) {
        ++too_large;
      }
      if (HasFailure()) return;
    }
  }
  RecordProperty("ran", int(ran));
  RecordProperty("too_large", int(too_large));
  if (!GetParam().starts_with("refused")) EXPECT_GT(ran, number / 2) << "of " << number * rounds;
}

std::vector<std::string> groups() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(HRT_CASES_DIR))
    names.insert(entry.path().stem());
  return {names.begin(), names.end()};
}

INSTANTIATE_TEST_SUITE_P(Groups, Sound, testing::ValuesIn(groups()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace hrt::test
