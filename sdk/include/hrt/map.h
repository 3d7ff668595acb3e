/* SPDX-License-Identifier: Apache-2.0 */
/* Maps as values of kernels: an optional table of the host's, "hrt.host.map/1". See plugin.h. */
#ifndef HRT_MAP_H
#define HRT_MAP_H

#include <hrt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hrt_map_api {
  size_t struct_size;
  /* [object] A temporary of the kernel call. keys: a tensor value of integers or strings, rank 1, as many
   * elements as there are values; element: the type of the values. */
  hrt_status* (*make_map)(hrt_kernel* kernel, const hrt_value* keys, const hrt_type* element,
                          const hrt_value* const* values, size_t count, hrt_value** out);
  /* [any-thread] Error unless the value is a map. Its values: hrt_kernel_api.value_count and value_at. */
  hrt_status* (*keys)(const hrt_value* map, hrt_tensor* out);
} hrt_map_api;

#ifdef __cplusplus
}
#endif
#endif
