// Entries that stay move to the front of their sequence's pages, in place and in order: none is written before it, or
// what it takes the place of, has been read.
#pragma once

#include "compress.h"

namespace pathpress::cuda {

struct Compaction {
  CacheCompression cache;
  Global<const int> kept;  // (layers, sets, keptRoom), choose.h
  Global<const int> shares;     // scoredOf()
  int keptRoom;
  Global<float> mass;  // (layers, slots, sets, capacity) each, what is noted of entries; null where nothing is
  Global<int> stamps, gaps;
  Global<const int> united;  // Uniting::staying and ::counts, where query heads have sets of their own
  Global<const int> unitedCounts;
  int unitedRoom;
};

// Afterwards each set of a due holds Due::staying() entries, or by its share, of each the true position is listed, and
// cache.lengths says so. Its last pages, pagesReturned() of them (compress_plan.h), are nobody's for launches after this
// one. False where the head size is none that it can do.
bool compactCaches(Stream stream, const Compaction& task);

}  // namespace pathpress::cuda
