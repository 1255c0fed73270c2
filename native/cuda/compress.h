// Compression of caches: all sequences that are due and all their layers in one launch a pass, outside the decode
// graph.
//
//   votes.h     softmax votes of query rows on cached keys, K read twice: sums a row, then sums over rows
//   ranks.h     whatever a policy scores by, as one number a candidate
//   choose.h    the best of each set, the lower index in a tie, ascending
//   unite.h     of query heads with sets of their own, what a key-value head then holds for them
//   compact.h   entries that stay, moved to the front in place
//
// Each due sequence has a trigger of its own: nothing below depends on which others are due with it.
#pragma once

#include "rows.h"

namespace pathpress::cuda {

// Pages that a block takes at once, one a warp. Sums over a sequence's chunks depend on its own length alone.
constexpr int votePages = 8;

// One sequence that is due, the same in all of its layers. Counts are entries; the last `recent` are what is left.
struct alignas(16) Due {
  int slot;          // of the sequence: its row of the table, the lengths, the rings of queries
  int length;        // held now
  int pinned;        // first entries, which stay
  int candidates;    // after them
  int scored;        // of the candidates, that stay: less than there are
  int softmaxFirst;  // entries that a vote's softmax runs over: the candidates and perhaps others
  int softmaxEnd;
  int rows;          // of queries, that vote
  int rowPosition;   // true position of the oldest of them; the others follow
  int lastPosition;  // of the newest entry
  int settled;       // first entries whose positions are listed; those of the others follow one another up to the last
  int cycle;         // compressions before this one
  int votesAt;       // where its pages with candidates begin in a list of all dues' votes: a multiple of 32
  int keptAt;        // where its candidates that stay begin in a list of all dues'
  int firstChunk;    // of its own in the list of chunks
  int chunks;
  int ring;          // of its query rows, how many take turns (heads.h)
  int held;          // of its longest key-value head, entries: length, where query heads have no sets of their own
  int heldAt;        // where those of a head begin in a list of all dues'

  HOST_DEVICE int firstPage() const { return pinned / cachePageEntries; }
  HOST_DEVICE int candidatesEnd() const { return pinned + candidates; }
  HOST_DEVICE int staying() const { return length - candidates + scored; }
};

struct alignas(8) Chunk {
  int due;
  int page;  // the first of votePages
};

// Where query heads keep sets of their own: a key-value head holds what any of its group has in its set, each entry with
// a mask of those that have. Heads hold entries of their own number then (UnevenHeads, here of all layers). The i-th
// query head of a layer is the i % group-th of key-value head i / group.
struct OwnSets {
  Global<int> members;          // (layers, slots, heads, capacity): a set's entries among the key-value head's, where settled
  Global<uint16_t> masks;       // (layers, slots, kvHeads, capacity): bit i, query head i of the group
  Global<const int> pages;      // (layers, slots, kvHeads, tableWidth): of single heads, (pool, kvHeads)
  Global<const int> less;       // (layers, slots, kvHeads)
  int kvHeads, group;

  HOST_DEVICE explicit operator bool() const { return group > 0; }
};

struct CacheCompression {
  Global<Bf16> pages;         // (layers, pool, kvHeads, 2 · 32 · dim), see attention.h
  Global<const int> table;    // (slots, tableWidth): the same pages of the pool in every layer
  Global<int> lengths;        // (slots): SequenceState::entries
  Global<int> positions;      // (layers, slots, sets, capacity): true positions, where a set's entries are settled
  Global<const Due> due;      // (dues)
  Global<const Chunk> chunks; // (chunkCount), one due after the other
  int layers, pool, kvHeads, group, dim, slots, tableWidth;
  int sets;      // of a layer: 1, or one a key-value head
  int capacity;  // tableWidth · 32
  int dues, chunkCount;
  OwnSets own{};

  HOST_DEVICE int heads() const { return kvHeads * group; }
  HOST_DEVICE int setOf(int kvHead) const { return sets == 1 ? 0 : kvHead; }
  HOST_DEVICE int64_t page(int layer, int number, int kvHead) const {
    return ((int64_t{layer} * pool + number) * kvHeads + kvHead) * (2 * cachePageEntries * dim);
  }
  // Of a set's entries, in `positions` and in all that is noted of entries.
  HOST_DEVICE int64_t noteAt(int layer, int slot, int set) const {
    return ((int64_t{layer} * slots + slot) * sets + set) * capacity;
  }
};

// How many of a set's candidates stay where heads share out their places: (layers, sets, dues); null where all keep alike.
DEVICE int scoredOf(const Global<const int>& shares, const CacheCompression& cache, const Due& due, int number, int row) {
  return shares ? shares.load(int64_t{row} * cache.dues + number) : due.scored;
}

// True position of an entry of a set.
DEVICE int positionIf(bool wanted, const CacheCompression& cache, const Due& due, int layer, int set, int entry) {
  const bool listed = entry < due.settled;
  const int settled = cache.positions.loadIf(wanted && listed, cache.noteAt(layer, due.slot, set) + entry);
  return listed ? settled : due.lastPosition - (due.length - 1 - entry);
}

// Entries of a key-value head whose query heads keep sets of their own.
DEVICE int heldBy(const CacheCompression& cache, const Due& due, int layer, int kvHead) {
  return due.held - cache.own.less.load((int64_t{layer} * cache.slots + due.slot) * cache.own.kvHeads + kvHead);
}

// Which of them, `held`, is an entry of a query head's set.
DEVICE int memberIf(bool wanted, const CacheCompression& cache, const Due& due, int layer, int head, int held, int entry) {
  const bool listed = entry < due.settled;
  const int member = cache.own.members.loadIf(wanted && listed, cache.noteAt(layer, due.slot, head) + entry);
  return listed ? member : held - (due.length - entry);
}

// Where the page begins that one of them is in.
DEVICE int64_t ownPageIf(bool wanted, const CacheCompression& cache, const Due& due, int layer, int kvHead, int entry) {
  const int64_t row = (int64_t{layer} * cache.slots + due.slot) * cache.own.kvHeads + kvHead;
  const int number = cache.own.pages.loadIf(wanted, row * cache.tableWidth + entry / cachePageEntries);
  return (int64_t{layer} * cache.pool * cache.own.kvHeads + number) * (2 * cachePageEntries * cache.dim);
}

// The entry of a set that will be its entry `to`, where `kept` lists from `at` on which candidates stay.
DEVICE int stayingIf(bool wanted, const Due& due, const Global<const int>& kept, int64_t at, int to) {
  const int place = to - due.pinned;
  const bool chosen = place >= 0 && place < due.scored;
  const int candidate = kept.loadIf(wanted && chosen, at + place);
  if (place < 0) return to;
  return chosen ? due.pinned + candidate : to + due.candidates - due.scored;
}

}  // namespace pathpress::cuda
