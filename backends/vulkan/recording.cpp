// SPDX-License-Identifier: Apache-2.0
#include "backends/vulkan/recording.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

#include "backends/gpu_common/limits.h"
#include "backends/vulkan/memory.h"

namespace hrt::gpu::vulkan {
namespace {

uint64_t monotonic_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return uint64_t(t.tv_sec) * 1'000'000'000 + uint64_t(t.tv_nsec);
}

const VulkanPipeline& pipeline_of(const Dispatch& d) {
  return *static_cast<const VulkanPipeline*>(d.pipeline);
}

constexpr uint64_t kAnswer = 2'000'000'000;  // ns within which an empty submission must end

}  // namespace

// ------------------------------------------------------------------------------------------ times

Clock::Pair Clock::calibrated() const {
  std::array<VkCalibratedTimestampInfoEXT, 2> domains{};
  for (auto& d : domains) d.sType = VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_EXT;
  domains[0].timeDomain = VK_TIME_DOMAIN_DEVICE_EXT;
  domains[1].timeDomain = VK_TIME_DOMAIN_CLOCK_MONOTONIC_EXT;
  std::array<uint64_t, 2> values{};
  uint64_t deviation = 0;
  device_.check(
      device_.vk().GetCalibratedTimestampsEXT(device_.handle(), 2, domains.data(), values.data(), &deviation),
      "vkGetCalibratedTimestampsEXT");
  return {values[0], values[1]};
}

// A time stamp between two looks at the host's clock: the middle, of the narrowest of a few.
Clock::Pair Clock::bracketed() const {
  Commands commands(device_, device_.physical().compute_family);
  const QueryPool queries(device_, 1);
  commands.begin(0);
  device_.vk().CmdResetQueryPool(commands.handle(), queries.handle(), 0, 1);
  device_.vk().CmdWriteTimestamp(commands.handle(), VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, queries.handle(),
                                 0);
  commands.end();
  const auto timeline = std::make_shared<Timeline>(device_);
  Pair best{};
  uint64_t narrowest = UINT64_MAX;
  for (uint64_t i = 1; i <= 4; ++i) {
    const uint64_t before = monotonic_ns();
    queues_.submit({commands.handle(), {}, {timeline, i}});
    if (!timeline->wait(i, kAnswer)) device_.abandon("it does not answer");
    device_.require_alive();
    const uint64_t after = monotonic_ns();
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    best = {queries.read(1)[0], before + narrowest / 2};
  }
  return best;
}

Clock::Pair Clock::now() {
  if (device_.physical().features.calibrated) return calibrated();
  const std::lock_guard lock(mutex_);
  if (best_.ns == 0) best_ = bracketed();
  return best_;
}

uint64_t Clock::to_ns(uint64_t ticks, const Pair& now) const {
  const uint32_t bits = device_.physical().timestamp_bits;
  const double period = device_.physical().properties.limits.timestampPeriod;
  // The difference, with the sign that makes it small: the counter has so many bits and wraps.
  const uint32_t unused = 64 - bits;
  const auto difference = int64_t((ticks - now.ticks) << unused) >> unused;
  return uint64_t(int64_t(now.ns) + int64_t(double(difference) * period));
}

QueryPool::QueryPool(Device& device, uint32_t count) : device_(device) {
  if (device.physical().timestamp_bits == 0)
    sdk::unsupported(device.physical().caps.name, " has no time stamps");
  VkQueryPoolCreateInfo info{VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
  info.queryType = VK_QUERY_TYPE_TIMESTAMP;
  info.queryCount = count;
  device.check(device.vk().CreateQueryPool(device.handle(), &info, nullptr, &handle_), "vkCreateQueryPool");
}

QueryPool::~QueryPool() {
  if (!device_.abandoned()) device_.vk().DestroyQueryPool(device_.handle(), handle_, nullptr);
}

std::vector<uint64_t> QueryPool::read(uint32_t count) const {
  std::vector<uint64_t> values(count);
  const VkResult result =
      device_.vk().GetQueryPoolResults(device_.handle(), handle_, 0, count, count * sizeof(uint64_t),
                                       values.data(), sizeof(uint64_t), VK_QUERY_RESULT_64_BIT);
  device_.check(result, "vkGetQueryPoolResults");
  if (result == VK_NOT_READY) misuse("times of a run that has not ended");
  return values;
}

// -------------------------------------------------------------------------------------- recording

VulkanRecording::VulkanRecording(Device& device, Memory& memory, Queues& queues,
                                 std::span<const Dispatch> dispatches, bool profile)
    : device_(device), queues_(queues), commands_(device, device.physical().compute_family) {
  for (const Dispatch& d : dispatches) check_dispatch(device.physical().caps, d);
  if (profile && !dispatches.empty()) {
    queries_ = std::make_unique<QueryPool>(device, uint32_t(dispatches.size()) * 2);
    ticks_ = memory.allocate(dispatches.size() * 2 * sizeof(uint64_t), Use::Staging);
    for (const Dispatch& d : dispatches) nodes_.push_back(d.node);
  }
  try {
    make_sets(dispatches);
    record(dispatches);
  } catch (...) {
    device_.vk().DestroyDescriptorPool(device_.handle(), pool_, nullptr);
    throw;
  }
}

VulkanRecording::~VulkanRecording() {
  queues_.settle(commands_.handle(), last_);
  if (!device_.abandoned()) device_.vk().DestroyDescriptorPool(device_.handle(), pool_, nullptr);
}

void VulkanRecording::make_sets(std::span<const Dispatch> dispatches) {
  uint32_t buffers = 0;
  std::vector<VkDescriptorSetLayout> layouts;
  for (const Dispatch& d : dispatches) {
    buffers += uint32_t(d.buffers.size());
    layouts.push_back(pipeline_of(d).set);
  }
  if (layouts.empty()) return;
  const VkDescriptorPoolSize size{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, std::max(1u, buffers)};
  VkDescriptorPoolCreateInfo pool{VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
  pool.maxSets = uint32_t(layouts.size());
  pool.poolSizeCount = 1;
  pool.pPoolSizes = &size;
  const DeviceApi& vk = device_.vk();
  device_.check(vk.CreateDescriptorPool(device_.handle(), &pool, nullptr, &pool_), "vkCreateDescriptorPool");
  VkDescriptorSetAllocateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO};
  info.descriptorPool = pool_;
  info.descriptorSetCount = uint32_t(layouts.size());
  info.pSetLayouts = layouts.data();
  sets_.resize(layouts.size());
  device_.check(vk.AllocateDescriptorSets(device_.handle(), &info, sets_.data()), "vkAllocateDescriptorSets");
  for (size_t i = 0; i < sets_.size(); ++i) fill_set(sets_[i], dispatches[i]);
}

void VulkanRecording::fill_set(VkDescriptorSet set, const Dispatch& d) const {
  std::vector<VkDescriptorBufferInfo> buffers;
  for (const Span& s : d.buffers)
    buffers.push_back({static_cast<const VulkanBuffer*>(s.buffer)->handle, s.offset, s.bytes});
  if (buffers.empty()) return;
  VkWriteDescriptorSet write{VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET};
  write.dstSet = set;
  write.descriptorCount = uint32_t(buffers.size());
  write.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
  write.pBufferInfo = buffers.data();
  device_.vk().UpdateDescriptorSets(device_.handle(), 1, &write, 0, nullptr);
}

void VulkanRecording::record(std::span<const Dispatch> dispatches) {
  const DeviceApi& vk = device_.vk();
  const VkCommandBuffer commands = commands_.handle();
  const auto stamp = [&](VkPipelineStageFlagBits stage, size_t index) {
    if (queries_) vk.CmdWriteTimestamp(commands, stage, queries_->handle(), uint32_t(index));
  };
  commands_.begin(0);
  if (queries_) vk.CmdResetQueryPool(commands, queries_->handle(), 0, uint32_t(dispatches.size()) * 2);
  const VulkanPipeline* bound = nullptr;
  for (size_t i = 0; i < dispatches.size(); ++i) {
    const Dispatch& d = dispatches[i];
    const VulkanPipeline& p = pipeline_of(d);
    if (d.waits && i) barrier(device_, commands, kKernelWrites, kKernelAccess);
    if (bound != &p) vk.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, p.handle);
    bound = &p;
    vk.CmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, p.layout, 0, 1, &sets_[i], 0, nullptr);
    // All words, always: those that a kernel reads and nobody gave are 0.
    std::array<uint32_t, kPushWords> push{};
    std::ranges::copy(d.push, push.begin());
    vk.CmdPushConstants(commands, p.layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push, push.data());
    stamp(VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, i * 2);
    vk.CmdDispatch(commands, d.groups[0], d.groups[1], d.groups[2]);
    stamp(VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, i * 2 + 1);
  }
  barrier(device_, commands, kKernelWrites, kHostReads);
  if (queries_) {
    vk.CmdCopyQueryPoolResults(commands, queries_->handle(), 0, uint32_t(dispatches.size()) * 2,
                               ticks_->handle, 0, sizeof(uint64_t),
                               VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
    barrier(device_, commands, kCopyWrites, kHostReads);
  }
  commands_.end();
}

void VulkanRecording::submit(std::vector<At> wait, const At& signal) {
  queues_.submit({commands_.handle(), std::move(wait), signal});
  last_ = signal;
}

std::vector<Time> VulkanRecording::times(Clock& clock) const {
  if (nodes_.empty()) return {};
  if (!last_.timeline) misuse("times of a run that was never submitted");
  std::vector<uint64_t> ticks(nodes_.size() * 2);
  std::memcpy(ticks.data(), ticks_->mapped, ticks.size() * sizeof(uint64_t));
  const Clock::Pair now = clock.now();
  std::vector<Time> times;
  for (size_t i = 0; i < nodes_.size(); ++i)
    times.push_back({nodes_[i], clock.to_ns(ticks[i * 2], now), clock.to_ns(ticks[i * 2 + 1], now)});
  return times;
}

}  // namespace hrt::gpu::vulkan
