// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/output_file.h"

#include "apps/hrt-run/lib/npy.h"
#include "core/base/error.h"

namespace hrt {

void write_value(const std::filesystem::path& path, const ValuePtr& value) {
  if (path.extension() != ".npy")
    fail(HRT_ERROR_USAGE, "{}: values are written to .npy and .pb files only", path.string());
  const auto beside = [&](const std::string& suffix) {
    return path.parent_path() / fmt::format("{}.{}.npy", path.stem().string(), suffix);
  };
  switch (value->type.kind()) {
    case HRT_KIND_TENSOR: return write_npy(path, value->tensor);
    case HRT_KIND_OPTIONAL:
      if (!value->items.empty()) write_value(path, value->items[0]);
      return;
    case HRT_KIND_MAP: write_npy(beside("keys"), value->keys); [[fallthrough]];
    default:
      for (size_t i = 0; i < value->items.size(); ++i)
        write_value(beside(std::to_string(i)), value->items[i]);
  }
}

std::string file_name(std::string_view name) {
  constexpr std::string_view kBad = "/\\:*?\"<>|";
  std::string result(name);
  for (char& c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || kBad.find(c) != std::string_view::npos) c = '_';
  return result.find_first_not_of('.') == std::string::npos ? "_" : result;
}

}  // namespace hrt
