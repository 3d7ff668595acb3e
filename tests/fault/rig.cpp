// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/rig.h"

#include <cstdlib>
#include <cstring>

#include "core/plugin/status.h"

namespace hrt::test {

Pages::Pages(size_t bytes)
    : size_((bytes + 4095) / 4096 * 4096), data_(static_cast<std::byte*>(std::aligned_alloc(4096, size_))) {
  std::memset(data_, 0x77, size_);
}
Pages::~Pages() { std::free(data_); }

Failure ended(hrt_status* status) {
  return failure_of([&] { check(status, ""); });
}

Rig::Rig(FaultDevices& devices, const std::string& name, std::unique_ptr<Graph> graph,
         FaultDevices::Options options)
    : api(devices.api(name)), graph_(std::move(graph)), options_(std::move(options)) {
  hrt_device_info info{};
  info.struct_size = sizeof info;
  check(api.device_info(0, &info), "device_info");
  memory_ = info.memory;
  for (size_t i = 0; i < value_count(); ++i) pages.push_back(std::make_unique<Pages>(bytes_at(i)));
}

Rig::~Rig() {
  if (context) api.context_destroy(context);
  if (prepared) api.prepared_destroy(prepared);
  if (executable) api.executable_destroy(executable);
  if (fence) api.fence_destroy(fence);
  for (hrt_buffer* b : buffers) api.buffer_release(b);
  if (device) api.device_close(device);
}

ValueId Rig::value_at(size_t index) const {
  return index < input_count() ? graph_->inputs()[index] : graph_->outputs()[index - input_count()];
}

size_t Rig::bytes_at(size_t index) const {
  return element_count(graph_->value(value_at(index)).type.dims()) * sizeof(float);
}

void Rig::call(const std::string& function, hrt_status* status) {
  const Failure failure = ended(status);
  if (failure.code != HRT_OK) throw Call{function, failure};
}

void Rig::open() {
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : options_) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  const hrt_options options{sizeof(hrt_options), keys.data(), values.data(), keys.size()};
  call("device_open", api.device_open(0, &options, &device));
}

void Rig::compile() {
  std::vector<hrt_node_support> support(graph_->nodes().size());
  for (auto& s : support) s = {sizeof(hrt_node_support), 0, "", 0, 0, 0};
  call("query_nodes",
       api.query_nodes(device, graph_.get(), support.data(), support.size(), sizeof(hrt_node_support)));
  for (const auto& s : support)
    if (!s.supported) throw Call{"query_nodes", {HRT_ERROR_UNSUPPORTED, s.reason}};
  call("compile", api.compile(device, graph_.get(), &executable));
  std::vector<const hrt_type*> types(graph_->value_limit());
  const std::vector<const hrt_tensor*> known(types.size());
  for (ValueId v = 0; v < types.size(); ++v)
    if (graph_->has_value(v)) types[v] = &graph_->value(v).type.c();
  const hrt_shapes shapes{sizeof(hrt_shapes), types.data(), known.data(), uint32_t(types.size())};
  hrt_requirements requirements{sizeof(hrt_requirements), 0};
  call("prepare", api.prepare(executable, &shapes, &prepared, &requirements));
  call("context_create", api.context_create(prepared, &context));
}

void Rig::make_buffers() {
  for (const auto& p : pages) {
    hrt_buffer* buffer = nullptr;
    if (memory_ == HRT_MEMORY_SHARED)
      call("buffer_import", api.buffer_import(device, p->data(), p->size(), &buffer));
    else
      call("buffer_allocate", api.buffer_allocate(device, p->size(), &buffer));
    buffers.push_back(buffer);
  }
}

void Rig::bind() {
  std::vector<hrt_region> regions;
  for (size_t i = 0; i < value_count(); ++i) regions.push_back({buffers[i], 0, bytes_at(i)});
  const hrt_bind_args args{sizeof(hrt_bind_args), regions.data(), input_count(),
                           regions.data() + input_count(), regions.size() - input_count()};
  call("bind", api.bind(context, &args));
}

void Rig::set_up() {
  open();
  compile();
  if (memory_ == HRT_MEMORY_HOST) return;
  call("fence_create", api.fence_create(device, &fence));
  make_buffers();
  bind();
}

// Each piece of work waits for the one queued before it.
hrt_submit_args Rig::next_point(hrt_run* run, uint32_t flags) {
  last_ = {fence, queued};
  return {sizeof(hrt_submit_args), run, &last_, 1, {fence, ++queued}, flags};
}

void Rig::copy(hrt_direction direction, size_t first, size_t last) {
  if (memory_ != HRT_MEMORY_DEVICE) return;
  std::vector<hrt_copy> copies;
  for (size_t i = first; i < last; ++i)
    copies.push_back({sizeof(hrt_copy), direction, {buffers[i], 0, bytes_at(i)}, pages[i]->data()});
  const hrt_submit_args args = next_point(nullptr, 0);
  call("copy", api.copy(device, copies.data(), copies.size(), sizeof(hrt_copy), &args));
}

void Rig::upload(const std::vector<std::vector<float>>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].empty()) std::memcpy(pages[i]->data(), inputs[i].data(), inputs[i].size() * sizeof(float));
  copy(HRT_TO_DEVICE, 0, input_count());
}

void Rig::download() { copy(HRT_TO_HOST, input_count(), value_count()); }

void Rig::submit(hrt_run* run, uint32_t flags) {
  const hrt_submit_args args = next_point(run, flags);
  call("submit", api.submit(context, &args));
}

bool Rig::wait(uint64_t timeout_ms) {
  uint32_t reached = 0;
  call("fence_wait", api.fence_wait(fence, queued, timeout_ms * 1'000'000, &reached));
  return reached != 0;
}

void Rig::run_synchronously() {
  std::vector<const void*> in;
  std::vector<void*> out;
  for (size_t i = 0; i < value_count(); ++i)
    i < input_count() ? in.push_back(pages[i]->data()) : out.push_back(pages[i]->data());
  hrt_run run;
  const hrt_run_args args{sizeof(hrt_run_args), &run,       in.data(), in.size(),
                          out.data(),           out.size(), nullptr,   0};
  call("run", api.run(context, &args));
}

void Rig::run(const std::vector<std::vector<float>>& inputs) {
  upload(inputs);
  if (memory_ == HRT_MEMORY_HOST) return run_synchronously();
  submit();
  download();
  if (!wait()) throw Call{"fence_wait", {HRT_ERROR_DEADLINE, "not reached"}};
}

Rig::Call Rig::tour(const std::vector<std::vector<float>>& inputs) {
  try {
    set_up();
    run(inputs);
    if (memory_ != HRT_MEMORY_HOST) call("collect", api.collect(context, nullptr));
    return {};
  } catch (const Call& c) {
    return c;
  }
}

std::vector<float> Rig::output(size_t index) const {
  const size_t at = input_count() + index;
  const auto* data = reinterpret_cast<const float*>(pages[at]->data());
  return {data, data + bytes_at(at) / sizeof(float)};
}

}  // namespace hrt::test
