// SPDX-License-Identifier: Apache-2.0
// The Vulkan instance, shared by all that is open, and what the validation layers say.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/vulkan/api.h"

namespace hrt::gpu::vulkan {

// "VK_ERROR_DEVICE_LOST", or the number.
std::string result_name(VkResult result);

class Instance {
 public:
  // The one that is alive, or a new one. Throws UNSUPPORTED with the reason when there is none to be had.
  static std::shared_ptr<Instance> get(bool validation);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  const InstanceApi& api() const { return api_; }
  VkInstance handle() const { return handle_; }
  uint32_t version() const { return version_; }  // that both the loader and this code know
  std::vector<VkPhysicalDevice> devices() const;

  // Throws what the validation layers have said since the last call.
  void check_messages();
  void add_message(const char* text);

 private:
  explicit Instance(bool validation);
  void listen();
  void destroy();

  uint32_t version_ = 0;
  VkInstance handle_ = VK_NULL_HANDLE;
  VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
  InstanceApi api_;
  std::mutex mutex_;
  std::string messages_;
};

}  // namespace hrt::gpu::vulkan
