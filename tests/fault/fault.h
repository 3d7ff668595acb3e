// SPDX-License-Identifier: Apache-2.0
// Devices that compute Add, Identity, MatMul, Mul, Neg and Relu on float32 and misbehave when told to: for
// tests of whoever drives devices. There is a library for each kind of memory, hrt_test_fault_host, _shared
// and _device, since a device says where its memory lies before it is given options. The backend's name is
// that of its library's file without "hrt_test_", the plugin's id "test.NAME": copies under other names are
// devices of their own, with options of their own.
//
// Options, [backend.NAME]:
//   fault = FUNCTION:NTH:KIND, ...   what happens at the n-th call since the device was opened; NTH+: at that
//       and all later ones. FUNCTION: a member of hrt_backend_api from device_open on, or what the queue does
//       later: execute (of a submit), transfer (of a copy). KIND:
//         fail     HRT_ERROR_INTERNAL
//         memory   HRT_ERROR_MEMORY
//         lose     HRT_ERROR_DEVICE_LOST, from then on from every call; what is queued never ends
//         stall    does not come back; submit and copy do, but their point is not reached
//       An execute or transfer that fails answers its error to whoever waits for its point.
//   stall_ms = N     how long "stall" lasts; 0 (the default): until Control::release_stalled
//   delay_us = N     how long each run, and each transfer, takes at least
//   latency_us = X   what query_nodes says of each node; default 1
//   takes = Add, ... which operators it takes; default: all that it has
//
// Runs and transfers of a device are done by one thread each: they overlap unless points order them. Memory
// that work will write is filled with 0xff (as floats: NaN) when the work begins, inputs are read as late as
// possible, memory of the device's own is 0xff at first: who reads too early or overwrites too soon is seen
// in the result. What the host does wrong (a submission of a context whose last has not ended, a point that
// does not grow, memory released under work that is queued ...) is logged as an error and counted.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hrt::fault {

// What exists now, over all devices of the library. Anything left at shutdown is logged as an error.
struct Alive {
  uint64_t devices, executables, prepared, contexts, buffers, fences;
  uint64_t submissions;  // queued or at work
};

// The interface "test.fault/1": Registry::find_interface. All [any-thread].
struct Control {
  size_t struct_size;
  const char* name;  // of the backend
  void (*alive)(Alive* out);
  // Of a function (or "execute", "transfer") since the plugin was loaded.
  uint64_t (*calls)(const char* function);
  uint64_t (*misuses)();      // of the ABI by the host, since the plugin was loaded
  uint64_t (*stalled)();      // calls and submissions that stall now
  void (*release_stalled)();  // whatever stalls now goes on
};

}  // namespace hrt::fault
