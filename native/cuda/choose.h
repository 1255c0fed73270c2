// The best candidates of every set.
#pragma once

#include "compress.h"

namespace pathpress::cuda {

struct Choice {
  CacheCompression cache;
  Global<const double> ranks;  // (layers, sets, room), ranks.h; no NaN
  Global<int> kept;            // (layers, sets, keptRoom): candidates that stay, from 0 up, ascending
  Global<const int> shares;    // scoredOf()
  int room, keptRoom;
  double share = 1;            // of Due::scored, how many are chosen

  HOST_DEVICE int wanted(const Due& due) const { return static_cast<int>(share * due.scored); }

  HOST_DEVICE int64_t keptAt(int layer, int set, const Due& due) const {
    return (int64_t{layer} * cache.sets + set) * keptRoom + due.keptAt;
  }
};

// wanted() of each due's candidates: those with the largest ranks, the lower index in a tie.
void chooseBest(Stream stream, const Choice& choice);

}  // namespace pathpress::cuda
