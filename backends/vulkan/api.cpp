// SPDX-License-Identifier: Apache-2.0
#include "backends/vulkan/api.h"

#include <dlfcn.h>

#include <hrt/plugin.hpp>

namespace hrt::gpu::vulkan {
namespace {

Loader open_loader() {
  Loader l;
  void* const library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* const why = dlerror();
    l.reason = sdk::cat("no Vulkan loader: ", why ? why : "dlopen failed");
    return l;
  }
  l.get = reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(library, "vkGetInstanceProcAddr"));
  if (!l.get) {
    l.reason = "libvulkan.so.1 has no vkGetInstanceProcAddr";
    return l;
  }
  const auto find = [&]<class F>(F& function, const char* name) {
    function = reinterpret_cast<F>(l.get(nullptr, name));
    if (!function) l.reason = sdk::cat("the Vulkan loader is too old: it has no ", name);
  };
#define HRT_VK_FIND(name) find(l.name, "vk" #name);
  HRT_VK_GLOBAL(HRT_VK_FIND)
#undef HRT_VK_FIND
  return l;
}

// get: a function that looks names up. A function that became core later has the suffix KHR before.
template <class Get, class F>
void find(const Get& get, F& function, const char* name, bool needed) {
  function = reinterpret_cast<F>(get(name));
  if (!function) function = reinterpret_cast<F>(get((std::string(name) + "KHR").c_str()));
  if (!function && needed) sdk::unsupported("the Vulkan driver has no ", name);
}

}  // namespace

const Loader& loader() {
  static const Loader l = open_loader();
  return l;
}

InstanceApi instance_api(VkInstance instance) {
  InstanceApi api;
  const auto get = [&](const char* name) { return loader().get(instance, name); };
#define HRT_VK_FIND(name) find(get, api.name, "vk" #name, true);
  HRT_VK_INSTANCE(HRT_VK_FIND)
#undef HRT_VK_FIND
#define HRT_VK_FIND(name) find(get, api.name, "vk" #name, false);
  HRT_VK_INSTANCE_OPTIONAL(HRT_VK_FIND)
#undef HRT_VK_FIND
  return api;
}

DeviceApi device_api(const InstanceApi& instance, VkDevice device) {
  DeviceApi api;
  const auto get = [&](const char* name) { return instance.GetDeviceProcAddr(device, name); };
#define HRT_VK_FIND(name) find(get, api.name, "vk" #name, true);
  HRT_VK_DEVICE(HRT_VK_FIND)
#undef HRT_VK_FIND
#define HRT_VK_FIND(name) find(get, api.name, "vk" #name, false);
  HRT_VK_DEVICE_OPTIONAL(HRT_VK_FIND)
#undef HRT_VK_FIND
  return api;
}

}  // namespace hrt::gpu::vulkan
