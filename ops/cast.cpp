// SPDX-License-Identifier: Apache-2.0
// Cast, CastLike: conversion of element types. https://onnx.ai/onnx/operators/onnx__Cast.html
// What the standard leaves open is settled in elements.h (convert); text is written as Python writes it.
#include <algorithm>
#include <charconv>

#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

struct Options {
  bool saturate;
  std::string round_mode;
};

// The power of two for x, by the bits of its exponent and what lies below them.
float8e8m0 to_e8m0(float x, const Options& o) {
  const uint32_t b = std::bit_cast<uint32_t>(x), fraction = b & 0x7fffff;
  uint32_t e = b >> 23 & 0xff;
  float8e8m0 y;
  y.bits = 0xff;
  if (e == 0xff) return y;
  bool up = false;
  if (o.round_mode == "up")
    up = fraction != 0;
  else if (o.round_mode == "nearest")
    up = fraction > 0x400000 || (fraction == 0x400000 && e > 0);
  else
    require(o.round_mode == "down", "round_mode ", o.round_mode, " is none of up, down, nearest");
  if (up && !(o.saturate && e == 0xfe)) ++e;
  y.bits = uint8_t(e);
  return y;
}

template <class To, class From>
To cast_one(From v, const Options& o) {
  if constexpr (std::is_same_v<To, float8e8m0>)
    return to_e8m0(float(v), o);
  else if constexpr (std::is_constructible_v<To, float, bool>)
    return To(float(v), o.saturate);
  else
    return convert<To>(v);
}

// Numbers in text: blanks around and a leading "+" are allowed; "inf" and "nan" in any case.
std::string_view trimmed(std::string_view s) {
  while (!s.empty() && std::strchr(" \t\r\n", s.front())) s.remove_prefix(1);
  while (!s.empty() && std::strchr(" \t\r\n", s.back())) s.remove_suffix(1);
  if (s.size() > 1 && s[0] == '+' && s[1] != '-') s.remove_prefix(1);
  return s;
}

template <class T>
bool parse(std::string_view s, T& v) {
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), v);
  return error == std::errc() && end == s.data() + s.size();
}

template <class To>
To parse_one(std::string_view text, const Options& o) {
  const std::string_view s = trimmed(text);
  if constexpr (std::is_integral_v<To> && !std::is_same_v<To, bool>) {
    int64_t i;
    if (parse(s, i)) return To(i);
    uint64_t u;
    if (parse(s, u)) return To(u);
  }
  if constexpr (std::is_same_v<To, float>) {  // straight from text: no second rounding
    float f;
    if (parse(s, f)) return f;
  }
  double d;
  if (s == "True" || s == "False") return cast_one<To>(s == "True" ? 1.0 : 0.0, o);
  require(parse(s, d), "\"", text.substr(0, 40), "\" is not a number");
  return cast_one<To>(d, o);
}

// The shortest decimal text that reads back as v; plain from 1e-4 to below 1e16, else scientific.
template <class T>
std::string number_text(T v) {
  if (std::isnan(v)) return "nan";
  if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
  const T a = std::fabs(v);
  const bool plain = a == 0 || (a >= T(1e-4) && a < T(1e16));
  char buffer[64];
  const auto r = std::to_chars(buffer, buffer + sizeof buffer, v,
                               plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string s(buffer, r.ptr);
  if (plain && s.find('.') == std::string::npos) s += ".0";
  return s;
}

template <class From>
std::string text_of(From v) {
  if constexpr (std::is_same_v<From, bool>)
    return v ? "True" : "False";
  else if constexpr (std::is_integral_v<From>)
    return std::to_string(v);
  else if constexpr (std::is_same_v<From, double>)
    return number_text(v);
  else
    return number_text(float(v));
}

template <class To>
void cast_to(const Tensor& y, const Tensor& x, const Options& o) {
  using V = typename To::value;
  const int64_t n = x.size();
  if (x.dtype() == HRT_STRING) {
    for (int64_t i = 0; i < n; ++i) To::set(y.raw(), i, parse_one<V>(x.string(i), o));
    return;
  }
  dispatch_layout(x.dtype(), [&]<class From>() {
    for (int64_t i = 0; i < n; ++i) {
      if constexpr (std::is_arithmetic_v<typename From::value>)
        To::set(y.raw(), i, cast_one<V>(From::get(x.raw(), i), o));
      else
        To::set(y.raw(), i, cast_one<V>(float(From::get(x.raw(), i)), o));
    }
  });
}

void cast(const Kernel& c, hrt_dtype to) {
  const Tensor x = c.input(0);
  const Options o = {c.node().i("saturate", 1) != 0, c.node().s("round_mode", "up")};
  const Tensor y = c.output(0, to, x.dims());
  if (to == x.dtype()) return copy_all(y, x);
  if (to != HRT_STRING) return dispatch_layout(to, [&]<class To>() { cast_to<To>(y, x, o); });
  dispatch_layout(x.dtype(), [&]<class From>() {
    for (int64_t i = 0; i < x.size(); ++i) y.set_string(i, text_of(From::get(x.raw(), i)));
  });
}

hrt_dtype target(const Node& node) {
  const int64_t to = node.i("to");
  require(to > HRT_UNDEFINED && to < HRT_DTYPE_COUNT, "attribute to: there is no element type ", to);
  return hrt_dtype(to);
}

void infer_to(const Infer& c, hrt_dtype to) {
  const auto dims = c.dims(0);
  c.output(0, dims ? TensorType(to, *dims) : TensorType(to));
  auto v = to == HRT_INT64 || to == HRT_INT32 ? tracked(c, 0) : std::nullopt;
  if (!v) return;
  if (to == HRT_INT32)
    for (int64_t& d : *v)
      if (is_number(d)) d = int32_t(d);
  c.output_values(0, *v);
}

constexpr uint64_t kCastable = kAny & ~kComplex;

const Register cast_op(Op{
    .name = "Cast",
    .since = 25,
    .doc = "conversion to another element type",
    .inputs = {{"input", "T1"}},
    .outputs = {{"output", "T2"}},
    .attrs = {{"to", HRT_ATTR_INT, "", true},
              {"saturate", HRT_ATTR_INT, "1"},
              {"round_mode", HRT_ATTR_STRING, "up"}},
    .types = {{"T1", kCastable}, {"T2", kCastable}},
    .infer = [](const Infer& c) { infer_to(c, target(c.node())); },
    .compute = [](const Kernel& c) { cast(c, target(c.node())); },
});

const Register cast_like(Op{
    .name = "CastLike",
    .since = 25,
    .doc = "conversion to the element type of another tensor",
    .inputs = {{"input", "T1"}, {"target_type", "T2"}},
    .outputs = {{"output", "T2"}},
    .attrs = {{"saturate", HRT_ATTR_INT, "1"}, {"round_mode", HRT_ATTR_STRING, "up"}},
    .types = {{"T1", kCastable}, {"T2", kCastable}},
    .infer = [](const Infer& c) { infer_to(c, c.dtype(1)); },
    .compute = [](const Kernel& c) { cast(c, c.input(1).dtype()); },
});

}  // namespace
}  // namespace hrt::ops
