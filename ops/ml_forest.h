// SPDX-License-Identifier: Apache-2.0
// Decision trees, as TreeEnsemble and the operators before it have them: every inner node asks a question
// about one feature.
#pragma once

#include <algorithm>
#include <cmath>

#include "op.h"

namespace hrt::ops {

enum Mode { kLessEqual, kLess, kGreaterEqual, kGreater, kEqual, kNotEqual, kMember };

struct Branch {
  int64_t to = 0;
  bool leaf = false;
};
struct Question {
  int64_t feature = 0;
  Mode mode = kLessEqual;
  double split = 0;
  std::vector<double> members;
  bool missing_is_true = false;
  Branch yes, no;

  bool ask(double v) const {
    if (std::isnan(v)) return missing_is_true;
    switch (mode) {
      case kLessEqual: return v <= split;
      case kLess: return v < split;
      case kGreaterEqual: return v >= split;
      case kGreater: return v > split;
      case kEqual: return v == split;
      case kNotEqual: return v != split;
      case kMember: return std::ranges::find(members, v) != members.end();
    }
    return false;
  }
};

struct Forest {
  std::vector<Question> questions;
  Dims roots;  // a question each

  // The leaf that a row of features ends in.
  template <class Features>
  int64_t leaf(int64_t root, Features&& feature) const {
    const Question& first = questions[size_t(root)];
    Branch at{root, first.yes.leaf && first.no.leaf && first.yes.to == first.no.to};  // a tree of one leaf
    if (at.leaf) return first.yes.to;
    for (size_t steps = 0; !at.leaf; ++steps) {
      require(steps <= questions.size(), "a tree runs in a circle");
      const Question& q = questions[size_t(at.to)];
      at = q.ask(feature(q.feature)) ? q.yes : q.no;
    }
    return at.to;
  }
};

}  // namespace hrt::ops
