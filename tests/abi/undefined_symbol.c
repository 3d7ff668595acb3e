/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that was linked without a library that it needs. */
#include <hrt/plugin.h>

void nobody_defines_this(void);

const hrt_plugin_manifest* hrt_plugin_query(uint32_t host_abi) {
  (void)host_abi;
  nobody_defines_this();
  return NULL;
}
