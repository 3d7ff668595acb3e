// SPDX-License-Identifier: Apache-2.0
#include "backends/opencl/programs.h"

#include <hrt/cache.h>

#include <algorithm>
#include <sstream>

#include "backends/gpu_common/limits.h"

namespace hrt::gpu::opencl {

namespace {

constexpr const char* kOptions = "-cl-std=CL1.2";
constexpr size_t kMaxConstants = 32;

const char* find_source(const std::string& name) {
  for (const Source& s : kernel_sources())
    if (name == s.name) return s.text;
  return nullptr;
}

// "// variants: f32 f16" among a kernel's first lines; without it there is one variant, "".
bool has_variant(const std::string& text, const std::string& variant) {
  static const std::string mark = "// variants:";
  const size_t at = text.find(mark);
  if (at == std::string::npos) return variant.empty();
  const size_t begin = at + mark.size();
  std::istringstream words(text.substr(begin, text.find('\n', begin) - begin));
  for (std::string word; words >> word;)
    if (word == variant) return true;
  return false;
}

// The bindings that a kernel declares as IMAGE(n, name), each at the begin of a line. Drivers need not tell:
// CL_KERNEL_ARG_INFO_NOT_AVAILABLE is what they answer for a program that was loaded as a binary.
uint32_t image_bindings(const std::string& text) {
  static const std::string mark = "\nIMAGE(";
  uint32_t images = 0;
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1))
    images |= 1U << std::stoul(text.substr(at + mark.size()));
  return images;
}

// Files of the table in the place of #include "name".
std::string with_includes(const std::string& text, int depth = 0) {
  sdk::require(depth < 8, "kernels include one another without end");
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#include \"")) {
      const std::string name = line.substr(10, line.find('"', 10) - 10);
      const char* included = find_source(name);
      sdk::require(included != nullptr, "a kernel includes ", name, ", which is not there");
      line = with_includes(included, depth + 1);
    }
    out += line;
    out += '\n';
  }
  return out;
}

std::string literal(int32_t v) {  // the smallest has no literal in C
  return v == INT32_MIN ? "(-2147483647 - 1)" : sdk::cat("(", v, ")");
}

std::string whole_source(const std::string& text, const std::string& variant,
                         std::span<const int32_t> constants) {
  std::string out;
  if (!variant.empty()) out += sdk::cat("#define HRT_VARIANT_", variant, "\n");
  for (size_t i = 0; i < kMaxConstants; ++i)
    out += sdk::cat("#define HRT_C", i, "(otherwise) ",
                    i < constants.size() ? literal(constants[i]) : "(otherwise)", "\n");
  const char* prelude = find_source("prelude.cl");
  sdk::require(prelude != nullptr, "prelude.cl is not there");
  out += prelude;
  const std::string kernel = with_includes(text);
  if (kernel.find("\nPARAMS(") == std::string::npos) out += "PARAMS(int none_;)\n";
  return out + kernel;
}

const hrt_cache_api* cache() {
  return static_cast<const hrt_cache_api*>(sdk::g_host.host->get_interface("hrt.host.cache/1"));
}

hrt_str as_str(const std::string& s) { return {s.data(), s.size()}; }

std::string load_binary(const std::string& key) {
  std::string binary;
  if (const auto* c = cache())
    sdk::check(c->load(
        sdk::g_host.plugin_id, as_str(key),
        [](void* user, const void* data, size_t size) {
          static_cast<std::string*>(user)->assign(static_cast<const char*>(data), size);
        },
        &binary));
  return binary;
}

void store_binary(const std::string& key, cl_program program) {
  const auto* c = cache();
  if (!c) return;
  size_t size = 0;
  check(api().GetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, nullptr),
        "clGetProgramInfo");
  if (size == 0) return;  // this driver gives none
  std::string binary(size, '\0');
  char* data = binary.data();
  check(api().GetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof data, static_cast<void*>(&data), nullptr),
        "clGetProgramInfo");
  c->store(sdk::g_host.plugin_id, as_str(key), binary.data(), binary.size());
}

}  // namespace

Kernel new_kernel(cl_program program) {
  cl_int code = CL_SUCCESS;
  Kernel kernel(api().CreateKernel(program, "hrt_kernel", &code));
  check(code, "clCreateKernel");
  return kernel;
}

ClPipeline::ClPipeline(std::string of, Program program, std::array<uint32_t, 3> group, uint32_t images,
                       const std::string& variant)
    : program_(std::move(program)), group_(group) {
  name = std::move(of);
  this->images = images;
  texel_bytes = 4 * (variant == "f16" ? sizeof(cl_half) : sizeof(cl_float));
  cl_uint arguments = 0;
  check(api().GetKernelInfo(new_kernel(program_.get()).get(), CL_KERNEL_NUM_ARGS, sizeof arguments,
                            &arguments, nullptr),
        "clGetKernelInfo");
  bindings = arguments - 1;  // the last are the push words
}

Program Programs::from_binary(const std::string& binary) {
  const auto* data = reinterpret_cast<const unsigned char*>(binary.data());
  const size_t size = binary.size();
  cl_int status = CL_SUCCESS, code = CL_SUCCESS;
  Program program(api().CreateProgramWithBinary(context_, 1, &device_, &size, &data, &status, &code));
  if (code != CL_SUCCESS || status != CL_SUCCESS ||
      api().BuildProgram(program.get(), 1, &device_, kOptions, nullptr, nullptr) != CL_SUCCESS)
    return nullptr;
  return program;
}

Program Programs::from_source(const std::string& name, const std::string& source) {
  const char* text = source.c_str();
  cl_int code = CL_SUCCESS;
  Program program(api().CreateProgramWithSource(context_, 1, &text, nullptr, &code));
  check(code, "clCreateProgramWithSource");
  code = api().BuildProgram(program.get(), 1, &device_, kOptions, nullptr, nullptr);
  if (code == CL_SUCCESS) return program;
  size_t size = 0;
  api().GetProgramBuildInfo(program.get(), device_, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size);
  std::string log(size, '\0');
  api().GetProgramBuildInfo(program.get(), device_, CL_PROGRAM_BUILD_LOG, size, log.data(), nullptr);
  if (code != CL_BUILD_PROGRAM_FAILURE) check(code, "clBuildProgram");
  throw sdk::Error(HRT_ERROR_INTERNAL, sdk::cat("kernel ", name, " does not compile: ", log.c_str()));
}

Program Programs::build(const std::string& name, const std::string& source) {
  const std::string key = sdk::cat(caps_.key, '\n', kOptions, '\n', source);
  const std::string binary = load_binary(key);
  if (!binary.empty()) {
    if (Program program = from_binary(binary)) return program;
    sdk::log(HRT_LOG_WARN, sdk::cat("the cached binary of kernel ", name, " does not load: compiled anew"));
  }
  Program program = from_source(name, source);
  store_binary(key, program.get());
  return program;
}

const ClPipeline* Programs::get(const std::string& kernel, const std::string& variant,
                                std::span<const int32_t> constants) {
  const char* text = find_source(kernel + ".comp");
  if (!text || !has_variant(text, variant)) return nullptr;
  sdk::require(constants.size() <= kMaxConstants, "kernel ", kernel, " gets ", constants.size(),
               " constants");
  std::string id = sdk::cat(kernel, '/', variant);
  for (int32_t c : constants) id += sdk::cat(',', c);
  Entry* entry = nullptr;
  {
    const std::lock_guard lock(mutex_);
    entry = &entries_[id];  // a map's nodes stay where they are
  }
  const std::lock_guard lock(entry->mutex);
  if (!entry->pipeline) {
    const auto group = checked_group(caps_, id, constants);
    const uint32_t images = image_bindings(text);
    if (images != 0 && caps_.max_texels == 0)
      sdk::unsupported("kernel ", id, " reads images, which ", caps_.name, " has not");
    entry->pipeline = std::make_unique<ClPipeline>(id, build(id, whole_source(text, variant, constants)),
                                                   group, images, variant);
  }
  return entry->pipeline.get();
}

}  // namespace hrt::gpu::opencl
