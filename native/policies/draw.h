// Random numbers of the policies: a pure function of what is drawn for.
#pragma once

#include <initializer_list>

#include "mix.h"
#include "select.h"

namespace pathpress {

// Uniform in [0, 2^53), whole, exact as a double; with `redraw` another at each compression.
inline double priority(const DrawKey& key, bool redraw, int32_t position) {
  uint64_t h = mix(key.seed);
  for (const int64_t word : {int64_t{key.stream[0]}, int64_t{key.stream[1]}, int64_t{key.layer}, int64_t{key.head},
                             redraw ? key.cycle : int64_t{-1}, int64_t{position}})
    h = mix(h ^ static_cast<uint64_t>(word));
  return static_cast<double>(h >> 11);
}

}  // namespace pathpress
