/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hrt.host.find/1: what other plugins offer. A backend (or any plugin) that defines an extension interface of
 * its own finds those who implement it, without either knowing the other's library.
 */
#ifndef HRT_FIND_H
#define HRT_FIND_H

#include <hrt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hrt_find_api { /* "hrt.host.find/1" */
  size_t struct_size;
  /* [any-thread] The interface with this id of the index-th plugin that has it, in the order in which plugins
   * were found; NULL when there are no more. Loads the plugins of kinds "ops" and "extension" first: an
   * implementation lies in one of these, or in a plugin that is loaded for other reasons. Not from init.
   * The structure lives as long as the host. */
  const void* (*find_interface)(const char* id, size_t index);
} hrt_find_api;

#ifdef __cplusplus
}
#endif
#endif
