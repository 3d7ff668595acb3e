// SPDX-License-Identifier: Apache-2.0
// Runs every case of cases/*.txt, however much inference is told beforehand.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/ops/op_test.h"

namespace hrt::test {

void PrintTo(const OpCase& c, std::ostream* out) { *out << c.op << ", " << c.name; }

namespace {

std::vector<OpCase> all_cases() {
  std::vector<OpCase> all;
  for (const auto& entry : std::filesystem::directory_iterator(HRT_CASES_DIR))
    if (entry.path().extension() == ".txt")
      for (OpCase& c : read_cases(entry.path())) all.push_back(std::move(c));
  return all;
}

class OperatorCase : public testing::TestWithParam<OpCase> {};

void expect(const OpCase& c, Known known) {
  const std::vector<Tensor> out = run(c, known);
  for (size_t i = 0; i < c.expected.size(); ++i)
    if (!c.expected[i].empty())
      EXPECT_EQ(compare(out[i], c.expected[i], c.relative, c.absolute), "") << "output " << i;
}

void expect_refused(const OpCase& c, Known known) {
  try {
    run(c, known);
    ADD_FAILURE() << "accepted";
  } catch (const std::exception& e) {
    EXPECT_NE(std::string(e.what()).find(c.error), std::string::npos) << e.what();
  }
}

TEST_P(OperatorCase, GivesWhatTheStandardSays) {
  for (Known known : {Known::kData, Known::kShapes, Known::kSymbols, Known::kRanks, Known::kNothing}) {
    SCOPED_TRACE(testing::Message() << "inference is told level " << int(known));
    if (GetParam().error.empty())
      EXPECT_NO_THROW(expect(GetParam(), known));
    else
      expect_refused(GetParam(), known);
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, OperatorCase, testing::ValuesIn(all_cases()), [](const auto& info) {
  std::string name = info.param.op + (info.param.error.empty() ? "_" : "_refuses_") + info.param.name;
  std::replace_if(name.begin(), name.end(), [](unsigned char ch) { return !std::isalnum(ch); }, '_');
  return name;
});

}  // namespace
}  // namespace hrt::test
