// SPDX-License-Identifier: Apache-2.0
// The functions at which a device can be told to misbehave, by their names in hrt_backend_api; and the two
// things that its queue does later.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hrt::fault {

enum class Function : uint8_t {
  kDeviceOpen,
  kQueryNodes,
  kCompile,
  kPrepare,
  kContextCreate,
  kRun,
  kBufferAllocate,
  kBufferImport,
  kFenceCreate,
  kFenceWait,
  kBind,
  kSubmit,
  kCopy,
  kCollect,
  kExecute,
  kTransfer,
  // These answer nothing.
  kDeviceClose,
  kExecutableDestroy,
  kPreparedDestroy,
  kContextDestroy,
  kBufferRelease,
  kFenceDestroy,
};

constexpr std::array<std::string_view, 22> kFunctionNames = {
    "device_open",
    "query_nodes",
    "compile",
    "prepare",
    "context_create",
    "run",
    "buffer_allocate",
    "buffer_import",
    "fence_create",
    "fence_wait",
    "bind",
    "submit",
    "copy",
    "collect",
    "execute",
    "transfer",
    "device_close",
    "executable_destroy",
    "prepared_destroy",
    "context_destroy",
    "buffer_release",
    "fence_destroy",
};
constexpr size_t kFunctionCount = kFunctionNames.size();

constexpr std::string_view name_of(Function function) { return kFunctionNames[size_t(function)]; }
constexpr bool answers(Function function) { return function < Function::kDeviceClose; }

}  // namespace hrt::fault
