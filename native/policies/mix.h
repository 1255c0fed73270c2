// The hash that random draws are made of, for the host's compiler and the device's.
#pragma once

#include <cstdint>

#include "../engine/everywhere.h"

namespace pathpress {

// The finalizer of splitmix64: a bijection, so that chained words never collide by their order.
PATHPRESS_EVERYWHERE inline uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

}  // namespace pathpress
