// SPDX-License-Identifier: Apache-2.0
// Parser, compiler and matcher of regex.h. Thompson's construction: Regular expression search algorithm,
// CACM 11(6), 1968.
#include "regex.h"

#include <algorithm>
#include <cctype>
#include <memory>

#include "op.h"
#include "utf8.h"

namespace hrt::ops {
namespace {

using Set = Regex::Set;
using Ranges = Regex::Ranges;
using Assert = Regex::Assert;
using Step = Regex::Step;

constexpr char32_t kLast = 0x10ffff;
constexpr int kMaxDepth = 250, kMaxRepeat = 1000;
constexpr size_t kMaxSteps = 100000;

struct Node {
  enum class Kind { kEmpty, kSet, kAssert, kSequence, kChoice, kRepeat } kind = Kind::kEmpty;
  Set set = {};
  Assert assertion = {};
  std::vector<Node> children = {};
  int min = 0, max = -1;  // kRepeat; -1: no end
};

Ranges named_class(char32_t c) {
  switch (c) {
    case 'd': return {{'0', '9'}};
    case 's': return {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
    default: return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};  // w
  }
}

Ranges posix_class(std::string_view name) {
  static const std::pair<std::string_view, Ranges> classes[] = {
      {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
      {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
      {"ascii", {{0, 127}}},
      {"blank", {{'\t', '\t'}, {' ', ' '}}},
      {"cntrl", {{0, 31}, {127, 127}}},
      {"digit", {{'0', '9'}}},
      {"graph", {{'!', '~'}}},
      {"lower", {{'a', 'z'}}},
      {"print", {{' ', '~'}}},
      {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
      {"space", {{'\t', '\r'}, {' ', ' '}}},
      {"upper", {{'A', 'Z'}}},
      {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
      {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
  };
  for (const auto& [n, ranges] : classes)
    if (n == name) return ranges;
  fail("the pattern has no class [:", name, ":]");
}

void add(Ranges& to, Ranges from, bool negated) {
  std::sort(from.begin(), from.end());
  if (!negated) {
    to.insert(to.end(), from.begin(), from.end());
    return;
  }
  char32_t next = 0;
  for (const auto& [low, high] : from) {
    if (low > next) to.emplace_back(next, low - 1);
    next = std::max(next, char32_t(high + 1));
  }
  if (next <= kLast) to.emplace_back(next, kLast);
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : rest_(pattern) {}
  Node parse() {
    Node n = choice(0);
    require(rest_.empty(), "the pattern has a ) too many");
    return n;
  }

 private:
  struct Flags {
    bool any_case = false, multi_line = false, dot_newline = false;
  };

  bool at(char c) const { return !rest_.empty() && rest_[0] == c; }
  bool take(std::string_view s) {
    if (!rest_.starts_with(s)) return false;
    rest_.remove_prefix(s.size());
    return true;
  }
  char32_t next(const char* what) {
    require(!rest_.empty(), "the pattern ends within ", what);
    return take_code_point(rest_);
  }

  Node choice(int depth) {
    require(depth < kMaxDepth, "the pattern is nested too deeply");
    const Flags outer = flags_;  // (?i) holds to the end of its group
    Node n{.kind = Node::Kind::kChoice};
    do n.children.push_back(sequence(depth));
    while (take("|"));
    flags_ = outer;
    return n;
  }

  Node sequence(int depth) {
    Node n{.kind = Node::Kind::kSequence};
    while (!rest_.empty() && !at('|') && !at(')')) {
      if (take("\\Q")) {
        while (!rest_.empty() && !take("\\E")) n.children.push_back(literal(next("\\Q")));
        continue;
      }
      n.children.push_back(repeated(atom(depth), depth));
    }
    return n;
  }

  Node repeated(Node n, int depth) {
    for (int stacked = 0;; ++stacked) {
      int min = 0, max = -1;
      if (take("*")) {
      } else if (take("+")) {
        min = 1;
      } else if (take("?")) {
        max = 1;
      } else if (!counts(min, max)) {
        return n;
      }
      take("?");  // prefers the shorter: the same to a full match
      require(depth + stacked < kMaxDepth, "the pattern is nested too deeply");
      Node r{.kind = Node::Kind::kRepeat, .min = min, .max = max};
      r.children.push_back(std::move(n));
      n = std::move(r);
    }
  }

  // {n}, {n,}, {n,m}; anything else after { is literal.
  bool counts(int& min, int& max) {
    const std::string_view saved = rest_;
    auto number = [&](int& v) {
      bool any = false;
      for (v = 0; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1), any = true)
        v = std::min(v * 10 + (rest_[0] - '0'), kMaxRepeat + 1);
      return any;
    };
    if (take("{") && number(min)) {
      max = min;
      if (take(",") && !number(max)) max = -1;
      if (take("}")) {
        require(min <= kMaxRepeat && max <= kMaxRepeat && (max < 0 || min <= max), "the pattern repeats ",
                min, " to ", max, " times; at most ", kMaxRepeat, " is allowed");
        return true;
      }
    }
    rest_ = saved;
    return false;
  }

  Node atom(int depth) {
    if (take("(")) return group(depth);
    if (take("[")) return char_class();
    if (take("^")) return assertion(flags_.multi_line ? Assert::kLineBegin : Assert::kTextBegin);
    if (take("$")) return assertion(flags_.multi_line ? Assert::kLineEnd : Assert::kTextEnd);
    if (take("."))
      return set_of(flags_.dot_newline ? Ranges{{0, kLast}} : Ranges{{0, '\n' - 1}, {'\n' + 1, kLast}});
    require(!at('*') && !at('+') && !at('?'), "the pattern repeats nothing");
    if (!take("\\")) return literal(next("a character"));
    if (take("A")) return assertion(Assert::kTextBegin);
    if (take("z")) return assertion(Assert::kTextEnd);
    if (take("b")) return assertion(Assert::kWord);
    if (take("B")) return assertion(Assert::kNotWord);
    Ranges ranges;
    if (escaped_class(ranges)) return set_of(std::move(ranges));
    return literal(escaped());
  }

  Node group(int depth) {
    if (take("?P<") || take("?<")) {
      while (!take(">")) next("a group's name");
    } else if (take("?")) {
      Flags f = flags_;
      for (bool on = true; !at(':') && !at(')');) {
        switch (next("a group's flags")) {
          case '-': on = false; break;
          case 'i': f.any_case = on; break;
          case 'm': f.multi_line = on; break;
          case 's': f.dot_newline = on; break;
          case 'U': break;  // swaps greedy and lazy
          default: fail("the pattern has an unknown group (?");
        }
      }
      if (take(")")) {
        flags_ = f;
        return {};
      }
      take(":");
      const Flags outer = std::exchange(flags_, f);
      Node n = choice(depth + 1);
      flags_ = outer;
      require(take(")"), "the pattern lacks a )");
      return n;
    }
    Node n = choice(depth + 1);
    require(take(")"), "the pattern lacks a )");
    return n;
  }

  Node char_class() {
    Ranges ranges;
    const bool negated = take("^");
    for (bool first = true; first || !at(']'); first = false) {
      require(!rest_.empty(), "the pattern lacks a ]");
      if (take("[:")) {
        const bool inverse = take("^");
        const size_t end = rest_.find(":]");
        require(end != std::string_view::npos, "the pattern lacks a :]");
        add(ranges, posix_class(rest_.substr(0, end)), inverse);
        rest_.remove_prefix(end + 2);
        continue;
      }
      const char32_t low = class_member(ranges);
      if (low > kLast) continue;
      char32_t high = low;
      if (at('-') && rest_.size() > 1 && rest_[1] != ']') {
        take("-");
        high = class_member(ranges);
        require(low <= high && high <= kLast, "the pattern has a range that runs backwards");
      }
      ranges.emplace_back(low, high);
    }
    take("]");
    Node n = set_of(std::move(ranges));
    n.set.negated = negated;
    return n;
  }

  // One character within [], or beyond kLast when it was a class, which is added to ranges.
  char32_t class_member(Ranges& ranges) {
    if (!take("\\")) return next("[]");
    return escaped_class(ranges) ? kLast + 1 : escaped();
  }

  bool escaped_class(Ranges& ranges) {
    require(!at('p') && !at('P') && !at('C'), "patterns with \\p, \\P and \\C are not supported");
    for (const char c : {'d', 's', 'w'})
      for (const bool negated : {false, true})
        if (at(negated ? char(c - 32) : c)) {
          rest_.remove_prefix(1);
          add(ranges, named_class(char32_t(c)), negated);
          return true;
        }
    return false;
  }

  // What stands for one character after a backslash.
  char32_t escaped() {
    const char32_t c = next("an escape");
    switch (c) {
      case 'a': return '\a';
      case 'f': return '\f';
      case 't': return '\t';
      case 'n': return '\n';
      case 'r': return '\r';
      case 'v': return '\v';
      case 'x': return take("{") ? digits(16, 6, true) : digits(16, 2, false);
      default: break;
    }
    if (c >= '0' && c <= '7') {
      char32_t v = c - '0';
      for (int i = 0; i < 2 && !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '7'; ++i)
        v = v * 8 + (next("an escape") - '0');
      return v;
    }
    require(c >= 0x80 || !std::isalnum(int(c)), "the pattern has an unknown escape \\", char(c));
    return c;
  }

  char32_t digits(int base, int most, bool braced) {
    char32_t v = 0;
    int n = 0;
    for (; n < most && !rest_.empty() && std::isxdigit(static_cast<unsigned char>(rest_[0])); ++n) {
      const char c = rest_[0];
      v = v * char32_t(base) + char32_t(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
      rest_.remove_prefix(1);
    }
    require(braced ? n > 0 && take("}") : n == most, "the pattern has a broken \\x");
    require(v <= kLast, "the pattern has a character beyond Unicode");
    return v;
  }

  Node literal(char32_t c) const { return set_of({{c, c}}); }
  Node set_of(Ranges ranges) const {
    return {.kind = Node::Kind::kSet, .set = {std::move(ranges), false, flags_.any_case}};
  }
  static Node assertion(Assert a) { return {.kind = Node::Kind::kAssert, .assertion = a}; }

  std::string_view rest_;
  Flags flags_;
};

// Emits steps back to front: each gets to know the step after it.
class Compiler {
 public:
  Compiler(std::vector<Set>& sets, std::vector<Step>& steps) : sets_(sets), steps_(steps) {}

  size_t emit(Step s) {
    require(steps_.size() < kMaxSteps, "the pattern is too large");
    steps_.push_back(s);
    return steps_.size() - 1;
  }

  size_t compile(const Node& n, size_t next) {
    switch (n.kind) {
      case Node::Kind::kEmpty: return next;
      case Node::Kind::kSet: sets_.push_back(n.set); return emit({Step::Kind::kSet, next, sets_.size() - 1});
      case Node::Kind::kAssert: return emit({Step::Kind::kAssert, next, size_t(n.assertion)});
      case Node::Kind::kSequence:
        for (size_t i = n.children.size(); i-- > 0;) next = compile(n.children[i], next);
        return next;
      case Node::Kind::kChoice: {
        size_t start = compile(n.children.back(), next);
        for (size_t i = n.children.size() - 1; i-- > 0;)
          start = emit({Step::Kind::kSplit, compile(n.children[i], next), start});
        return start;
      }
      case Node::Kind::kRepeat: return repeat(n, next);
    }
    return next;
  }

 private:
  size_t repeat(const Node& n, size_t next) {
    const Node& child = n.children[0];
    if (n.max < 0) {
      const size_t split = emit({Step::Kind::kSplit, next, next});
      steps_[split].other = compile(child, split);
      next = split;
    } else {
      const size_t end = next;
      for (int i = n.min; i < n.max; ++i) next = emit({Step::Kind::kSplit, end, compile(child, next)});
    }
    for (int i = 0; i < n.min; ++i) next = compile(child, next);
    return next;
  }

  std::vector<Set>& sets_;
  std::vector<Step>& steps_;
};

bool is_word(char32_t c) { return c < 0x80 && (std::isalnum(int(c)) || c == '_'); }

// Where a matcher stands: the characters around, kNone beyond the text.
constexpr char32_t kNone = UINT32_MAX;
bool holds(Assert a, char32_t before, char32_t after) {
  switch (a) {
    case Assert::kTextBegin: return before == kNone;
    case Assert::kTextEnd: return after == kNone;
    case Assert::kLineBegin: return before == kNone || before == '\n';
    case Assert::kLineEnd: return after == kNone || after == '\n';
    case Assert::kWord: return is_word(before) != is_word(after);
    case Assert::kNotWord: return is_word(before) == is_word(after);
  }
  return false;
}

}  // namespace

bool Regex::Set::has(char32_t c) const {
  auto in = [&](char32_t v) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [v](const auto& r) { return v >= r.first && v <= r.second; });
  };
  bool found = in(c);
  if (!found && any_case) found = in(to_lower(c)) || in(to_upper(c));
  return found != negated;
}

Regex::Regex(std::string_view pattern) {
  const Node tree = Parser(pattern).parse();
  Compiler compiler(sets_, steps_);
  start_ = compiler.compile(tree, compiler.emit({Step::Kind::kMatch}));
}

bool Regex::full_match(std::string_view text) const {
  std::vector<size_t> now, todo, mark(steps_.size(), 0);
  std::vector<size_t> frontier = {start_};
  size_t generation = 0;
  char32_t before = kNone;
  bool matched = false;
  for (;;) {
    std::string_view rest = text;
    const char32_t after = rest.empty() ? kNone : take_code_point(rest);
    // Everything that can be reached without a character.
    ++generation;
    now.clear();
    todo = frontier;
    matched = false;
    while (!todo.empty()) {
      const size_t i = todo.back();
      todo.pop_back();
      if (std::exchange(mark[i], generation) == generation) continue;
      const Step& s = steps_[i];
      if (s.kind == Step::Kind::kMatch) matched = true;
      if (s.kind == Step::Kind::kSet) now.push_back(i);
      if (s.kind == Step::Kind::kSplit) todo.push_back(s.other);
      if (s.kind == Step::Kind::kSplit ||
          (s.kind == Step::Kind::kAssert && holds(Assert(s.other), before, after)))
        todo.push_back(s.next);
    }
    if (text.empty()) return matched;
    frontier.clear();
    for (size_t i : now)
      if (sets_[steps_[i].other].has(after)) frontier.push_back(steps_[i].next);
    if (frontier.empty()) return false;
    before = after;
    text = rest;
  }
}

}  // namespace hrt::ops
