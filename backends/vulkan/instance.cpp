// SPDX-License-Identifier: Apache-2.0
#include "backends/vulkan/instance.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include <hrt/plugin.hpp>

namespace hrt::gpu::vulkan {
namespace {

constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";

void require_layer() {
  uint32_t count = 0;
  loader().EnumerateInstanceLayerProperties(&count, nullptr);
  std::vector<VkLayerProperties> layers(count);
  loader().EnumerateInstanceLayerProperties(&count, layers.data());
  for (const VkLayerProperties& layer : std::span(layers).first(count))
    if (std::strcmp(layer.layerName, kValidationLayer) == 0) return;
  sdk::unsupported("validation is wanted, but ", kValidationLayer, " is not installed");
}

VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT,
                                          VkDebugUtilsMessageTypeFlagsEXT,
                                          const VkDebugUtilsMessengerCallbackDataEXT* data, void* user) {
  static_cast<Instance*>(user)->add_message(data->pMessage);
  return VK_FALSE;
}

VkDebugUtilsMessengerCreateInfoEXT messenger_info(Instance* instance) {
  VkDebugUtilsMessengerCreateInfoEXT info{VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT};
  info.messageSeverity =
      VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  info.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT;
  info.pfnUserCallback = on_message;
  info.pUserData = instance;
  return info;
}

uint32_t loader_version() {
  if (!loader().reason.empty()) sdk::unsupported(loader().reason);
  uint32_t version = VK_API_VERSION_1_0;
  loader().EnumerateInstanceVersion(&version);
  if (version < VK_API_VERSION_1_1)
    sdk::unsupported("the Vulkan loader knows version 1.0 only, 1.1 is needed");
  return std::min<uint32_t>(version, VK_API_VERSION_1_3);
}

}  // namespace

std::string result_name(VkResult result) {
  switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY: return "VK_ERROR_OUT_OF_HOST_MEMORY";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "VK_ERROR_OUT_OF_DEVICE_MEMORY";
    case VK_ERROR_INITIALIZATION_FAILED: return "VK_ERROR_INITIALIZATION_FAILED";
    case VK_ERROR_DEVICE_LOST: return "VK_ERROR_DEVICE_LOST";
    case VK_ERROR_LAYER_NOT_PRESENT: return "VK_ERROR_LAYER_NOT_PRESENT";
    case VK_ERROR_EXTENSION_NOT_PRESENT: return "VK_ERROR_EXTENSION_NOT_PRESENT";
    case VK_ERROR_FEATURE_NOT_PRESENT: return "VK_ERROR_FEATURE_NOT_PRESENT";
    case VK_ERROR_INCOMPATIBLE_DRIVER: return "VK_ERROR_INCOMPATIBLE_DRIVER";
    case VK_ERROR_TOO_MANY_OBJECTS: return "VK_ERROR_TOO_MANY_OBJECTS";
    case VK_ERROR_INVALID_EXTERNAL_HANDLE: return "VK_ERROR_INVALID_EXTERNAL_HANDLE";
    default: return sdk::cat("VkResult ", int(result));
  }
}

std::shared_ptr<Instance> Instance::get(bool validation) {
  static std::mutex mutex;
  static std::array<std::weak_ptr<Instance>, 2> alive;
  // Starting drivers takes tens of milliseconds, and some do not give all of their memory back when they are
  // stopped: once started they stay for as long as the process. (The layers judge what is left over when an
  // instance ends, so one that they watch does end.) Never destroyed: nothing runs at exit.
  static auto& kept = *new std::shared_ptr<Instance>;
  const std::lock_guard lock(mutex);
  auto& slot = alive[validation ? 1 : 0];
  if (auto instance = slot.lock()) return instance;
  const std::shared_ptr<Instance> instance(new Instance(validation));
  slot = instance;
  if (!validation) kept = instance;
  return instance;
}

Instance::Instance(bool validation) : version_(loader_version()) {
  VkApplicationInfo application{VK_STRUCTURE_TYPE_APPLICATION_INFO};
  application.pEngineName = "HRT";
  application.apiVersion = version_;
  VkInstanceCreateInfo info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
  info.pApplicationInfo = &application;

  const VkValidationFeatureEnableEXT enabled = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
  VkValidationFeaturesEXT features{VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT};
  features.enabledValidationFeatureCount = 1;
  features.pEnabledValidationFeatures = &enabled;
  // Chained, this one hears of the creation and destruction of the instance too.
  const VkDebugUtilsMessengerCreateInfoEXT messenger = messenger_info(this);
  features.pNext = &messenger;
  const std::array extensions = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
                                 VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME};
  if (validation) {
    require_layer();
    info.pNext = &features;
    info.enabledLayerCount = 1;
    info.ppEnabledLayerNames = &kValidationLayer;
    info.enabledExtensionCount = uint32_t(extensions.size());
    info.ppEnabledExtensionNames = extensions.data();
  }
  const VkResult result = loader().CreateInstance(&info, nullptr, &handle_);
  if (result != VK_SUCCESS)
    sdk::unsupported("no Vulkan driver: creating an instance gave ", result_name(result),
                     " (is a driver installed, does VK_ICD_FILENAMES name one?)");
  try {
    api_ = instance_api(handle_);
    if (validation) listen();
  } catch (...) {
    destroy();
    throw;
  }
}

void Instance::listen() {
  const VkDebugUtilsMessengerCreateInfoEXT info = messenger_info(this);
  if (!api_.CreateDebugUtilsMessengerEXT ||
      api_.CreateDebugUtilsMessengerEXT(handle_, &info, nullptr, &messenger_) != VK_SUCCESS)
    sdk::unsupported("validation is wanted, but its messages cannot be had");
}

void Instance::destroy() {
  if (messenger_) api_.DestroyDebugUtilsMessengerEXT(handle_, messenger_, nullptr);
  if (api_.DestroyInstance) api_.DestroyInstance(handle_, nullptr);
}

Instance::~Instance() {
  destroy();
  if (!messages_.empty()) sdk::log(HRT_LOG_ERROR, messages_);
}

std::vector<VkPhysicalDevice> Instance::devices() const {
  uint32_t count = 0;
  VkResult result = api_.EnumeratePhysicalDevices(handle_, &count, nullptr);
  std::vector<VkPhysicalDevice> list(count);
  if (result == VK_SUCCESS && count) result = api_.EnumeratePhysicalDevices(handle_, &count, list.data());
  if (result < 0) sdk::unsupported("no Vulkan device: enumerating them gave ", result_name(result));
  list.resize(count);
  return list;
}

void Instance::add_message(const char* text) {
  const std::lock_guard lock(mutex_);
  if (messages_.size() > 16384) return;
  messages_ += messages_.empty() ? "" : "\n";
  messages_ += text;
}

void Instance::check_messages() {
  const std::lock_guard lock(mutex_);
  if (messages_.empty()) return;
  throw sdk::Error(HRT_ERROR_INTERNAL, std::exchange(messages_, {}));
}

}  // namespace hrt::gpu::vulkan
