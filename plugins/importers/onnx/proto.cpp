// SPDX-License-Identifier: Apache-2.0
#include "proto.hpp"

#include <climits>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/unknown_field_set.h>

namespace hrt::importer {

using namespace sdk;

namespace {

// An If in an If costs three levels of messages: node, attribute, graph.
constexpr int kMaxMessageDepth = 200;

std::string newer_string(const google::protobuf::UnknownFieldSet& fields, int number) {
  for (int i = fields.field_count() - 1; i >= 0; --i) {
    const auto& f = fields.field(i);
    if (f.number() == number && f.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
      return f.length_delimited();
  }
  return {};
}

// The length of the UTF-8 sequence at s, 0 when it is malformed (RFC 3629).
size_t utf8_sequence(std::string_view s) {
  const auto byte = [&](size_t i) { return i < s.size() ? uint8_t(s[i]) : 0u; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned b = byte(0);
  if (b < 0x80) return 1;
  if (b >= 0xc2 && b <= 0xdf) return tail(1) ? 2 : 0;
  if (b >= 0xe0 && b <= 0xef) {
    const bool overlong = b == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = b == 0xed && byte(1) > 0x9f;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (b >= 0xf0 && b <= 0xf4) {
    const bool overlong = b == 0xf0 && byte(1) < 0x90;
    const bool beyond = b == 0xf4 && byte(1) > 0x8f;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

}  // namespace

void parse(google::protobuf::Message& message, const void* data, uint64_t size, const char* what) {
  if (size > INT_MAX)
    unsupported("the ", what, " is larger than protobuf's 2 GiB; its weights belong in external data");
  google::protobuf::io::CodedInputStream in(static_cast<const uint8_t*>(data), int(size));
  in.SetTotalBytesLimit(INT_MAX);
  in.SetRecursionLimit(kMaxMessageDepth);
  require(message.ParsePartialFromCodedStream(&in) && in.ConsumedEntireMessage(), "not a well-formed ", what,
          ": damaged, cut short, or nested more than ", kMaxMessageDepth, " levels deep");
}

std::string overload(const onnx::NodeProto& node) { return newer_string(node.unknown_fields(), 8); }

std::string overload(const onnx::FunctionProto& function) {
  return newer_string(function.unknown_fields(), 13);
}

std::vector<onnx::AttributeProto> attribute_defaults(const onnx::FunctionProto& function) {
  std::vector<onnx::AttributeProto> out;
  const auto& fields = function.unknown_fields();
  for (int i = 0; i < fields.field_count(); ++i) {
    const auto& f = fields.field(i);
    if (f.number() != 11 || f.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) continue;
    const std::string& bytes = f.length_delimited();
    parse(out.emplace_back(), bytes.data(), bytes.size(), "attribute default");
  }
  return out;
}

onnx::AttributeProto::AttributeType type_of(const onnx::AttributeProto& a) {
  using A = onnx::AttributeProto;
  if (a.type() != A::UNDEFINED) return a.type();
  if (a.has_f()) return A::FLOAT;
  if (a.has_i()) return A::INT;
  if (a.has_s()) return A::STRING;
  if (a.has_t()) return A::TENSOR;
  if (a.has_g()) return A::GRAPH;
  if (a.floats_size()) return A::FLOATS;
  if (a.ints_size()) return A::INTS;
  if (a.strings_size()) return A::STRINGS;
  fail("attribute '", a.name(), "' has no type and no value");
}

const std::string& checked_name(const std::string& name, const char* what) {
  for (std::string_view rest = name; !rest.empty();) {
    const size_t n = utf8_sequence(rest);
    require(n > 0 && rest[0] != '\0', what, " name is not UTF-8 text");
    rest.remove_prefix(n);
  }
  return name;
}

}  // namespace hrt::importer
