/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hrt.host.cache/1: small results worth keeping from one process to the next: compiled kernels, tuning.
 *
 * The host keeps them in its cache directory (hrt.toml: cache.directory), bounded in size, written
 * atomically, and verified when read: what is damaged is as if it were not there. Without a directory
 * nothing is kept. Whoever stores decides by the key what the bytes depend on: put the versions of the
 * driver and of the plugin in.
 */
#ifndef HRT_CACHE_H
#define HRT_CACHE_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hrt_cache_api { /* "hrt.host.cache/1"; all [any-thread] */
  size_t struct_size;
  /* Calls take(user, data, size) with the bytes stored under this key, during this call, if they are
   * there. space: the plugin's id. key: any bytes; only their hash is a file name. */
  hrt_status* (*load)(const char* space, hrt_str key, void (*take)(void* user, const void* data, size_t size),
                      void* user);
  /* Replaces what is there. Failing to write is no error for the caller: it is logged. */
  void (*store)(const char* space, hrt_str key, const void* data, size_t size);
} hrt_cache_api;

#ifdef __cplusplus
}
#endif
#endif
