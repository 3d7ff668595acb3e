// SPDX-License-Identifier: Apache-2.0
// hrt.host.cache/1: the cache, as plugins see it.
#pragma once

#include <memory>

#include "core/cache/cache.h"

namespace hrt {

// From now on plugins' results go there; the one before stays alive as long as calls into it last.
// [any-thread]
void provide_cache_interface(std::shared_ptr<Cache> cache);

}  // namespace hrt
