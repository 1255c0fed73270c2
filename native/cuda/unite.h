// What a key-value head holds for its query heads where each of these keeps a set of its own: every entry that is in any of
// their sets, once. After a choice in each set, and before entries move.
#pragma once

#include "compress.h"

namespace pathpress::cuda {

struct Uniting {
  CacheCompression cache;      // its sets are query heads
  Global<const int> kept;      // (layers, heads, keptRoom), choose.h
  Global<int> marks;           // (layers, kvHeads, room): to work on
  Global<int> staying;         // (layers, kvHeads, room): entries that stay of a key-value head's, ascending
  Global<int> counts;          // (layers, kvHeads, dues): how many
  int keptRoom;
  int room;  // entries of all dues' longest heads
};

// Fills `staying` and `counts`, and lists in cache.own the members of each set, and the masks, as they will be once entries
// have moved. Entries that come later are in every set.
void uniteSets(Stream stream, const Uniting& task);

}  // namespace pathpress::cuda
