// A model's shape as the kernels see it, for either compiler.
#pragma once

#include <cstdint>

#include "device.h"

namespace pathpress::cuda {

// A page holds, of one sequence and key-value head, keys (dim / 32, 32 entries, 32) and then values (dim, 32): values lie
// transposed, so that both are operands of an mma as they are read, 16 bytes a lane: keys its B, values its A. What a warp
// reads of keys at a time is 64 bytes an entry: of neighbouring entries they lie side by side, as a cache line.
constexpr int cachePageEntries = 32;
constexpr int keyBlock = 32;  // channels of a key that lie side by side

// Where a key lies in its page.
HOST_DEVICE inline int keyAt(int entry, int channel) {
  return (channel / keyBlock * cachePageEntries + entry) * keyBlock + channel % keyBlock;
}

inline int pagesOf(int entries) { return (entries + cachePageEntries - 1) / cachePageEntries; }

struct ModelShape {
  int layers, hidden, intermediate;
  int heads, kvHeads, dim;
  int vocab;
  int pairs;        // of a head, that rotate
  bool neighbours;  // as in HeadPreparation
  float epsilon;

  int qkvWidth() const { return (heads + 2 * kvHeads) * dim; }
  int logitsWidth() const { return (vocab + 15) / 16 * 16; }  // of the output's packed rows
  int64_t pageElements() const { return int64_t{kvHeads} * 2 * cachePageEntries * dim; }  // of a layer's page
};

}  // namespace pathpress::cuda
