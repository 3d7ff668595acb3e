/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hrt.exporter/1: the reverse of an importer's import_value. A plugin of kind "importer" whose format can
 * hold single values (a test's input or output) offers it beside hrt.importer/1; one that does not, such as
 * any made before this interface was, answers NULL and is never asked to write.
 */
#ifndef HRT_EXPORTER_H
#define HRT_EXPORTER_H

#include <hrt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Takes the next bytes of a file. What it answers with an error is to be handed on. */
typedef hrt_status* (*hrt_write_fn)(void* user, const void* data, size_t size);

typedef struct hrt_exporter_api { /* "hrt.exporter/1" */
  size_t struct_size;
  const char* const* extensions; /* of files with one value: ".pb", ...; NULL-terminated */
  /* [any-thread] Gives the bytes of a file that holds the value to write(user, ...), in order, in one piece
   * or several. The value is read by way of hrt.host.kernel/1. name: for formats that keep one, or "".
   * HRT_ERROR_UNSUPPORTED for a value that the format cannot hold. */
  hrt_status* (*export_value)(const hrt_value* value, const char* name, hrt_write_fn write, void* user);
} hrt_exporter_api;

#ifdef __cplusplus
}
#endif
#endif
