// What candidates are compared by, one number each, the larger the better: native/policies/select.cc on the device.
#pragma once

#include "compress.h"

namespace pathpress::cuda {

enum class RankBy : int {
  votes,       // the mean of a set's lists, pooled
  mass,        // a note of each entry, pooled
  recency,     // the later, the better
  priority,    // a random number
  stamp,       // a note of each entry
  recurrence,  // two notes of each entry: its last visit, and the longest time between two
};
enum class PoolBy : int { none, mean, largest };

constexpr int maxKernel = 257;  // of pooling

struct Ranks {
  CacheCompression cache;
  RankBy by;
  Global<const float> votes;    // (layers, lists, room), votes.h
  Global<const float> mass;     // (layers, slots, sets, capacity)
  Global<const int> stamps;     // the same
  Global<const int> gaps;       // the same
  Global<const uint64_t> lots;  // (dues): lotOf() of a due
  Global<double> ranks;         // (layers, sets, room)
  int room;                     // entries of all dues' pages with candidates, as in votes.h
  int lists;                    // of a layer; each set has the same number of them, one after the other
  int ballots;                  // by which the sum of a set's lists is divided
  PoolBy pool;
  int kernel;           // neighbours that are pooled, the candidate among them: odd, at most maxKernel
  bool byPosition;      // within kernel / 2 positions, not within kernel / 2 candidates
  bool paddingCounts;   // a mean always divides by the kernel
  bool rounded;         // means are rounded to bfloat16
  bool inverted;        // the lowest are the best
  bool redraw;          // a priority is drawn anew at each compression
  int run;              // neighbouring positions that share their priority

  HOST_DEVICE int64_t rankAt(int layer, int set, const Due& due) const {
    return (int64_t{layer} * cache.sets + set) * room + due.votesAt + due.pinned % cachePageEntries;
  }
};

// False where the kernel of pooling is none that it can do.
bool rankCandidates(Stream stream, const Ranks& ranks);

}  // namespace pathpress::cuda
