// SPDX-License-Identifier: Apache-2.0
// ONNX's protobuf messages: parsing them, and reading what releases newer than the declarations in
// libonnx_proto (1.12) have added, which protobuf keeps as unknown fields.
#pragma once

#include <string>
#include <vector>

#include <onnx/onnx-data_pb.h>

#include <hrt/plugin.hpp>

namespace hrt::importer {

// Parses the whole of [data, data + size); throws when it is not such a message, not whole, or nested
// too deeply. what: for the error, "ONNX model".
void parse(google::protobuf::Message& message, const void* data, uint64_t size, const char* what);

// Which of several functions of the same name a node calls, or a function is (ONNX 1.16).
std::string overload(const onnx::NodeProto& node);
std::string overload(const onnx::FunctionProto& function);

// A function's attributes that have defaults (ONNX 1.14).
std::vector<onnx::AttributeProto> attribute_defaults(const onnx::FunctionProto& function);

// The attribute's type; models older than IR version 2 leave it to which field is there.
onnx::AttributeProto::AttributeType type_of(const onnx::AttributeProto& attribute);

// Names go into C strings, JSON and file names: UTF-8 without NUL, or an error.
const std::string& checked_name(const std::string& name, const char* what);

}  // namespace hrt::importer
