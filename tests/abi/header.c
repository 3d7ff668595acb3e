/* SPDX-License-Identifier: Apache-2.0 */
#include <hrt/cpu_kernel.h>
#include <hrt/exporter.h>
#include <hrt/find.h>
#include <hrt/plugin.h>

int header_is_used(const hrt_node_info* info);
int header_is_used(const hrt_node_info* info) { return HRT_HAS(info, attr_count) && HRT_DIM_IS_NUMBER(4); }
