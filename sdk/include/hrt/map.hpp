// SPDX-License-Identifier: Apache-2.0
// C++ wrapper of map.h, in the manner of plugin.hpp.
#pragma once

#include <hrt/map.h>
#include <hrt/plugin.hpp>

namespace hrt {
namespace [[gnu::visibility("hidden")]] sdk {

inline const hrt_map_api& map_api() {
  static const auto* api = static_cast<const hrt_map_api*>(g_host.host->get_interface("hrt.host.map/1"));
  if (!api) unsupported("the host does not offer maps");
  return *api;
}

// keys: a tensor value that the kernel made; one value each.
inline const hrt_value* make_map(hrt_kernel* kernel, const hrt_value* keys, const hrt_type& element,
                                 std::span<const hrt_value* const> values) {
  hrt_value* v = nullptr;
  check(map_api().make_map(kernel, keys, &element, values.data(), values.size(), &v));
  return v;
}

inline Tensor keys_of(const hrt_value* map) {
  auto t = sized<hrt_tensor>();
  check(map_api().keys(map, &t));
  return Tensor(t);
}

}  // namespace sdk
}  // namespace hrt
