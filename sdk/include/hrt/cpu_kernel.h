/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hrt.cpu.kernel/1: kernels for the CPU backend out of other plugins. A library that brings operators
 * (hrt.ops/1) can give the CPU backend kernels for them, and so have them run inside its subgraphs, on its
 * threads and in its memory plan, instead of as reference kernels. A kernel for an operator that the backend
 * has itself is asked first, and the backend's own is used for what it refuses.
 *
 * The way of a node is that of a backend in small:
 *
 *     supports ──▶ compile (attributes, packed weights) ──▶ prepare (shapes) ──▶ run, any number of times
 *
 * Tensors are dense and row-major. Work is spread with hrt_run_api.parallel_for; results must not depend on
 * the number of threads.
 */
#ifndef HRT_CPU_KERNEL_H
#define HRT_CPU_KERNEL_H

#include <hrt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hrt_cpu_compiled hrt_cpu_compiled; /* the kernel's: one node */
typedef struct hrt_cpu_prepared hrt_cpu_prepared; /* the kernel's: one node for one set of shapes */

typedef struct hrt_cpu_run_args {
  size_t struct_size;
  const void* const* inputs; /* by position; NULL: absent, or packed by compile. Aligned to 64 bytes, inputs
                                of the graph to their element. */
  size_t input_count;
  void* const* outputs; /* NULL: not wanted. Aligned to 64 bytes. */
  size_t output_count;
  void* workspace; /* as many bytes as prepare asked for, aligned to 64, contents undefined */
} hrt_cpu_run_args;

typedef struct hrt_cpu_kernel hrt_cpu_kernel;
struct hrt_cpu_kernel {
  size_t struct_size;
  const char* domain;
  const char* op_type;
  /* Bit i: output 0 may be written over input i of the same type and shape: run reads element k of the input
   * before it writes element k of the output, in any partition into threads. */
  uint32_t inplace;
  /* [any-thread] Says in answer (zeroed) whether it takes this node, as hrt_backend_api.query_nodes does.
   * Shapes may be symbolic. Asked only about tensors whose elements have whole bytes. */
  hrt_status* (*supports)(const hrt_cpu_kernel* kernel, const hrt_graph* graph, uint32_t node,
                          hrt_node_support* answer);
  /* [any-thread] The graph lives only during the call. packed (0 before): bit i is set for a constant input
   * that run does not need any more; it is dropped. */
  hrt_status* (*compile)(const hrt_cpu_kernel* kernel, const hrt_graph* graph, uint32_t node,
                         hrt_cpu_compiled** out, uint32_t* packed);
  void (*compiled_destroy)(hrt_cpu_compiled* compiled);
  /* [any-thread] Inputs and outputs by position, NULL where absent. data is NULL but for inputs that are
   * known before the run, and lives only during the call. compiled lives longer than what is prepared. */
  hrt_status* (*prepare)(hrt_cpu_compiled* compiled, const hrt_tensor* const* inputs, size_t input_count,
                         const hrt_tensor* const* outputs, size_t output_count, hrt_cpu_prepared** out,
                         uint64_t* workspace_bytes);
  void (*prepared_destroy)(hrt_cpu_prepared* prepared);
  /* [any-thread] Several calls at a time, with different args. Allocates nothing. Fails only for bad data. */
  hrt_status* (*run)(hrt_cpu_prepared* prepared, const hrt_cpu_run_args* args);
  void* user; /* the plugin's own */
};

typedef struct hrt_cpu_kernel_api { /* "hrt.cpu.kernel/1" */
  size_t struct_size;
  const hrt_cpu_kernel* const* kernels; /* live until shutdown */
  size_t kernel_count;
} hrt_cpu_kernel_api;

#ifdef __cplusplus
}
#endif
#endif
