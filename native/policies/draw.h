// Random numbers of the policies: a pure function of what is drawn for.
#pragma once

#include <initializer_list>

#include "select.h"

namespace pathpress {

// The finalizer of splitmix64: a bijection, so that chained words never collide by their order.
inline uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// Uniform in [0, 2^53), whole, exact as a double; with `redraw` another at each compression.
inline double priority(const DrawKey& key, bool redraw, int32_t position) {
  uint64_t h = mix(key.seed);
  for (const int64_t word : {int64_t{key.stream[0]}, int64_t{key.stream[1]}, int64_t{key.layer}, int64_t{key.head},
                             redraw ? key.cycle : int64_t{-1}, int64_t{position}})
    h = mix(h ^ static_cast<uint64_t>(word));
  return static_cast<double>(h >> 11);
}

}  // namespace pathpress
