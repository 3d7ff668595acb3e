// SPDX-License-Identifier: Apache-2.0
// Regular expressions in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax), matched in time
// proportional to text times pattern: a set of states is carried over the text, nothing backtracks.
// Not supported, and refused by name: Unicode classes (\p) and single bytes (\C).
#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace hrt::ops {

class Regex {
 public:
  explicit Regex(std::string_view pattern);  // throws what is wrong with it
  bool full_match(std::string_view text) const;

  // Code points from first to second, both included.
  using Ranges = std::vector<std::pair<char32_t, char32_t>>;
  struct Set {
    Ranges ranges;
    bool negated = false;
    bool any_case = false;
    bool has(char32_t c) const;
  };
  enum class Assert { kTextBegin, kTextEnd, kLineBegin, kLineEnd, kWord, kNotWord };
  struct Step {
    enum class Kind { kSet, kSplit, kAssert, kMatch } kind;
    size_t next = 0;   // the step after; kSplit: one of two
    size_t other = 0;  // kSplit: the other; kSet, kAssert: which one
  };

 private:
  std::vector<Set> sets_;
  std::vector<Step> steps_;
  size_t start_ = 0;
};

}  // namespace hrt::ops
