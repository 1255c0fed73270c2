// What the host decides of compressions that are due together, from each sequence's own counts: no synchronization with
// the device, since every length is known ahead.
#pragma once

#include <algorithm>
#include <vector>

#include "../policies/mix.h"
#include "../policies/policy.h"
#include "compress.h"

namespace pathpress::cuda {

// A sequence whose policy says that it is due. Counts are the policies' own (policy.h).
struct DueSequence {
  int slot;
  int length;   // entries that each of its sets holds
  int settled;  // of these, that its last compression left; 0 before the first
  int ring;     // QueryRows::capacity(); 0 where no rows vote
  Progress progress;
  Keep keep;
  int heads = 1;  // key-value heads, which share out their places where the recipe says so
  int held = length;  // entries of its longest key-value head: more, where query heads have sets of their own
};

// Of its entries those at the front that stay, and those at the end.
inline int pinnedOf(const DueSequence& one) { return static_cast<int>(std::min<int64_t>(one.keep.pinned, one.length)); }
inline int recentOf(const DueSequence& one) {
  return static_cast<int>(std::min<int64_t>(one.keep.recent, one.length - pinnedOf(one)));
}
// Entries of each of its sets, or on average, after its compression.
inline int leftOf(const DueSequence& one) {
  return static_cast<int>(std::min<int64_t>(one.length, pinnedOf(one) + std::max<int64_t>(0, one.keep.scored) + recentOf(one)));
}

struct CompressionPlan {
  std::vector<Due> due;  // without those of whose candidates all stay
  std::vector<Chunk> chunks;
  int rows = 0;       // most that vote in one
  int votesRoom = 0;  // entries of all dues' pages with candidates
  int keptRoom = 0;   // candidates that stay, of all dues
  int heldRoom = 0;   // entries of all dues' longest key-value heads
};

// Pages that go back to the pool once the passes of this due have been launched.
inline int pagesReturned(const Due& due) { return pagesOf(due.length) - pagesOf(due.staying()); }

// What a sequence's random priorities depend on beside layer, set, compression and token.
inline uint64_t lotOf(uint64_t seed, const int32_t (&stream)[2]) {
  return mix(mix(mix(seed) ^ static_cast<uint64_t>(int64_t{stream[0]})) ^ static_cast<uint64_t>(int64_t{stream[1]}));
}

namespace plan {

// Adds a due whose counts are filled in, with chunks that end at `end`; a set of it keeps `mostKept` candidates at most.
inline void add(CompressionPlan& plan, Due& due, int end, int mostKept) {
  due.votesAt = plan.votesRoom;
  due.keptAt = plan.keptRoom;
  due.heldAt = plan.heldRoom;
  due.firstChunk = static_cast<int>(plan.chunks.size());
  for (int page = due.softmaxFirst / cachePageEntries; page < pagesOf(end); page += votePages) {
    plan.chunks.push_back({static_cast<int>(plan.due.size()), page});
  }
  due.chunks = static_cast<int>(plan.chunks.size()) - due.firstChunk;
  plan.rows = std::max(plan.rows, due.rows);
  plan.votesRoom += (pagesOf(due.candidatesEnd()) - due.firstPage()) * cachePageEntries;
  plan.keptRoom += mostKept;
  plan.heldRoom += due.held;
  plan.due.push_back(due);
}

}  // namespace plan

inline CompressionPlan planCompression(const Recipe& recipe, const std::vector<DueSequence>& sequences) {
  CompressionPlan made;
  for (const DueSequence& sequence : sequences) {
    const Progress& progress = sequence.progress;
    Due due{};
    due.slot = sequence.slot;
    due.length = sequence.length;
    due.held = sequence.held;
    due.pinned = pinnedOf(sequence);
    due.candidates = due.length - due.pinned - recentOf(sequence);
    if (sequence.keep.scored >= due.candidates) continue;
    due.scored = static_cast<int>(std::max<int64_t>(0, sequence.keep.scored));
    due.softmaxFirst = recipe.softmax == Domain::candidates ? due.pinned : 0;
    due.softmaxEnd = recipe.softmax == Domain::row ? due.length : due.candidatesEnd();
    due.rows = static_cast<int>(voterRows(recipe, progress));
    const int64_t seen = progress.prompt + progress.written;
    due.rowPosition = static_cast<int>((recipe.selectors == Selectors::prompt ? progress.prompt : seen) - due.rows);
    due.lastPosition = static_cast<int>(seen - 1);
    due.settled = sequence.settled;
    due.ring = std::max(1, sequence.ring);
    due.cycle = static_cast<int>(progress.cycle);
    const bool allKeys = recipe.lambda < 1 && recipe.softmax != Domain::candidates;  // are compared with one another
    const int64_t heads = recipe.sharedOut ? sequence.heads : 1;  // one head may have all places
    const auto mostKept = static_cast<int>(std::min<int64_t>(due.candidates, due.scored * heads));
    plan::add(made, due, allKeys ? due.length : due.softmaxEnd, mostKept);
  }
  return made;
}

// The newest `rows` rows of attention of a sequence, which see all entries up to their own.
struct ObservedSequence {
  int slot, length, settled, rows, ring;
  int lastPosition;
};

inline CompressionPlan planObservation(const std::vector<ObservedSequence>& sequences) {
  CompressionPlan made;
  for (const ObservedSequence& sequence : sequences) {
    Due due{};
    due.slot = sequence.slot;
    due.length = due.candidates = due.softmaxEnd = sequence.length;
    due.scored = (sequence.length + 1) / 2;  // the upper half
    due.rows = sequence.rows;
    due.lastPosition = sequence.lastPosition;
    due.rowPosition = sequence.lastPosition - sequence.rows + 1;
    due.settled = sequence.settled;
    due.ring = sequence.ring;
    plan::add(made, due, due.length, due.scored);
  }
  return made;
}

}  // namespace pathpress::cuda
