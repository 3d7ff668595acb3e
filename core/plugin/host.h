// SPDX-License-Identifier: Apache-2.0
// The tables of functions that the host offers to plugins (hrt.host.*), as C sees them.
#pragma once

#include <filesystem>

#include "core/graph/transaction.h"

#include <hrt/find.h>
#include <hrt/map.h>
#include <hrt/plugin.h>

namespace hrt {

const hrt_host& host_table();
const hrt_graph_api& graph_table();
const hrt_edit_api& edit_table();
const hrt_infer_api& infer_table();
const hrt_kernel_api& kernel_table();
const hrt_map_api& map_table();
const hrt_find_api& find_table();

// Modules further right offer theirs before the first plugin is loaded.
void provide_host_interface(const char* id, const void* table);

// The directory that add_constant_file may read from, for the transaction of an import and its bodies.
class ModelDirectory {
 public:
  ModelDirectory(const Transaction& transaction, std::filesystem::path directory);
  ~ModelDirectory();
  ModelDirectory(const ModelDirectory&) = delete;

 private:
  const Graph* graph_;
};

// The core's objects behind the ABI's handles.
inline const Graph& graph_of(const hrt_graph* graph) { return *static_cast<const Graph*>(graph); }
inline Transaction& transaction_of(hrt_edit* edit) { return *static_cast<Transaction*>(edit); }

Attribute attribute_from_c(const hrt_attr& attr);

}  // namespace hrt
