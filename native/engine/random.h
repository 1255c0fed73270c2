// Philox4x32-10 (Salmon et al., SC 2011): random numbers as a pure function of key and counter, on any back end.
#pragma once

#include <cstdint>

#include "everywhere.h"

namespace pathpress {

struct PhiloxCounter {
  uint32_t word[4];
};
struct PhiloxKey {
  uint32_t word[2];
};

PATHPRESS_EVERYWHERE inline PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * counter.word[0];
    const uint64_t b = uint64_t{0xCD9E8D57} * counter.word[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter.word[1] ^ key.word[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter.word[3] ^ key.word[1], static_cast<uint32_t>(a)};
    key = {key.word[0] + 0x9E3779B9u, key.word[1] + 0xBB67AE85u};
  }
  return counter;
}

// Uniform in [0, 1), 53 bits, for one step of one sequence.
PATHPRESS_EVERYWHERE inline double uniform(uint64_t seed, const int32_t stream[2], uint64_t step) {
  const PhiloxCounter bits = philox({static_cast<uint32_t>(stream[0]), static_cast<uint32_t>(stream[1]),
                                     static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32)},
                                    {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return static_cast<double>((uint64_t{bits.word[0]} << 32 | bits.word[1]) >> 11) * 0x1p-53;
}

}  // namespace pathpress
