// The rows of a decode step, each a token of some sequence. What belongs to a sequence lies at its slot, where it stays
// while rows come and go. A prompt's tokens are rows too: those of one sequence stand together, in order.
#pragma once

#include "device.h"

namespace pathpress::cuda {

// A page holds, of one sequence and key-value head, keys (32, dim) and then values (dim, 32): values lie transposed, so
// that both are the mma's B operand as they are read, 16 bytes a lane.
constexpr int cachePageEntries = 32;

struct StepRows {
  Global<const int> slots;      // (count): the sequence's, or -1: nobody's row, which computes what no one reads
  Global<const int> positions;  // (count): true ones
  Global<const int> lengths;    // (count): entries that the row sees, its own the last
  int count;
};

struct PageTable {
  Global<const int> pages;  // (slots, width): the pool's pages in the order of the entries
  int width;

  DEVICE int64_t page(int slot, int number) const { return pages.load(static_cast<int64_t>(slot) * width + number); }
};

}  // namespace pathpress::cuda
