// Sets of unequal size: how many candidates each key-value head of a layer keeps where their scores are compared with one
// another, native/policies/select.cc's shareOut() on the device; and pages of single heads, that move where that leaves some
// free and that heads get.
#pragma once

#include "compress.h"

namespace pathpress::cuda {

constexpr int mostSharing = 128;  // key-value heads

struct SharingOut {
  CacheCompression cache;      // its sets are key-value heads
  Global<const double> ranks;  // (layers, sets, room), ranks.h; no NaN
  Global<int> shares;          // (layers, sets, dues)
  int room;
  double floorShare;           // of Due::scored, which is the heads' mean, that a head's own best keep whatever the others'

  HOST_DEVICE int floor(const Due& due) const {
    const int safe = static_cast<int>(floorShare * due.scored);
    return safe < due.candidates ? safe : due.candidates;
  }
};

// Each head keeps its own best: the floor, and of the best of all heads together what is left; the lower head wins a tie.
// False where there are more heads than the kernel has room for.
bool shareOut(Stream stream, const SharingOut& task);

// A page of one key-value head.
struct PageMove {
  int layer;
  int from, to;  // pages of the layer's, (pool, kvHeads)
  int entries;   // that it holds
};

struct PageMoves {
  Global<Bf16> pages;  // (layers, layerPages, 2 · 32 · dim)
  Global<const PageMove> moves;
  int64_t layerPages;
  int count, dim;
};

// None is moved to where another still is.
void movePages(Stream stream, const PageMoves& task);

// A page that a head gets: row `head` of the heads' table, and where in it.
struct PageNote {
  int head, at, page;
};

struct PageNotes {
  Global<int> table;  // (heads, width)
  Global<const PageNote> notes;
  int width, count;
};

// No two to the same place.
void notePages(Stream stream, const PageNotes& task);

}  // namespace pathpress::cuda
