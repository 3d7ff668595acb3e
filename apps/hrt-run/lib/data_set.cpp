// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/data_set.h"

#include "core/base/error.h"

namespace hrt {

std::vector<ValuePtr> read_data(Runtime& runtime, const std::filesystem::path& directory,
                                std::string_view prefix, std::span<const Port> ports) {
  if (!std::filesystem::is_directory(directory))
    fail(HRT_ERROR_BAD_DATA, "{}: no such directory", directory.string());
  const auto file = [&](size_t i) { return directory / fmt::format("{}_{}.pb", prefix, i); };
  size_t count = 0;
  while (std::filesystem::exists(file(count))) ++count;
  if (count > 0 && count != ports.size())
    fail(HRT_ERROR_BAD_DATA, "{}: {} {} files, the model has {} {}s", directory.string(), count, prefix,
         ports.size(), prefix);
  std::vector<ValuePtr> values;
  for (size_t i = 0; i < count; ++i) values.push_back(runtime.load_value(file(i), ports[i].type));
  return values;
}

}  // namespace hrt
