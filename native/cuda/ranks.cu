#include "ranks.h"

#include <cmath>

#include "lots.h"
#include "places.h"
#include "words.h"

namespace pathpress::cuda {

constexpr int margin = maxKernel / 2;

// Without a NaN, which has no rank.
DEVICE double settled(double rank, bool inverted) {
  if (!(rank == rank)) return -INFINITY;
  return inverted ? -rank : rank;
}

DEVICE float plainScoreIf(bool wanted, const Ranks& ranks, const RankPlace& at, int candidate) {
  if (ranks.by == RankBy::mass) {
    const int64_t note = ranks.cache.noteAt(at.layer, at.due.slot, at.set) + at.due.pinned;
    return ranks.mass.loadIf(wanted, note + candidate);
  }
  const int lists = ranks.lists / ranks.cache.sets;  // of the set
  float sum = 0;
  for (int list = at.set * lists; list < (at.set + 1) * lists; ++list) {
    const int64_t first = (int64_t{at.layer} * ranks.lists + list) * ranks.room + at.due.votesAt;
    sum += ranks.votes.loadIf(wanted, first + at.due.pinned % cachePageEntries + candidate);
  }
  const float mean = sum / static_cast<float>(ranks.ballots);
  return ranks.rounded ? rounded(mean) : mean;
}

// Scores of a block's candidates and of those around them meet in shared memory.
KERNEL rankScores(Ranks ranks) {
  SHARED_ARRAY(float, scores, rankThreads + 2 * margin);
  SHARED_ARRAY(int, positions, rankThreads + 2 * margin);
  const RankPlace at(ranks.cache);
  if (at.empty()) return;  // the whole block
  const int half = ranks.pool == PoolBy::none ? 0 : ranks.kernel / 2;
  for (int begin = 0; begin < rankThreads + 2 * half; begin += rankThreads) {
    const int i = begin + threadIndex(), candidate = at.first - half + i;
    const bool wanted = i < rankThreads + 2 * half && candidate >= 0 && candidate < at.due.candidates;
    const float score = plainScoreIf(wanted, ranks, at, candidate);
    const int entry = at.due.pinned + candidate;
    const int position = positionIf(wanted && ranks.byPosition, ranks.cache, at.due, at.layer, at.set, entry);
    if (wanted) {
      scores.set(i, score);
      positions.set(i, position);
    }
  }
  barrier();
  const int own = threadIndex() + half, candidate = at.first + threadIndex();
  const bool wanted = candidate >= 0 && candidate < at.due.candidates;
  double rank = 0;
  if (wanted) {
    float sum = 0, largest = -INFINITY;
    int count = 0;
    for (int i = own - half; i <= own + half; ++i) {
      const int other = candidate + i - own;
      if (other < 0 || other >= at.due.candidates) continue;
      const int apart = ranks.byPosition ? positions.get(i) - positions.get(own) : 0;
      if (apart < -half || apart > half) continue;
      const float score = scores.get(i);
      sum += score;
      largest = score > largest ? score : largest;
      ++count;
    }
    const float mean = sum / static_cast<float>(ranks.paddingCounts ? ranks.kernel : count);
    if (ranks.pool == PoolBy::none) rank = double{scores.get(own)};
    else if (ranks.pool == PoolBy::largest) rank = double{largest};
    else rank = double{ranks.rounded ? rounded(mean) : mean};
  }
  ranks.ranks.storeIf(wanted, ranks.rankAt(at.layer, at.set, at.due) + candidate, settled(rank, ranks.inverted));
}

DEVICE double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// LazyEviction's, as native/policies/select.cc explains it.
DEVICE double expectedVisit(double since, double gap) {
  const double first = since == 0 ? 1 : gap == 0 ? 0 : 2 * sigmoid(-since / gap);
  return first + 2 * sigmoid(-gap - 1);
}

KERNEL rankAlone(Ranks ranks) {
  const RankPlace at(ranks.cache);
  const int candidate = at.first + threadIndex(), entry = at.due.pinned + candidate;
  const bool wanted = candidate >= 0 && candidate < at.due.candidates;
  double rank = candidate;
  if (ranks.by == RankBy::priority) {
    const int position = positionIf(wanted, ranks.cache, at.due, at.layer, at.set, entry);
    const Lots lot(ranks.lots.load(at.number), at.layer, at.set, ranks.redraw ? at.due.cycle : -1);
    rank = lot.of(position / ranks.run);
  } else if (ranks.by != RankBy::recency) {
    const int64_t note = ranks.cache.noteAt(at.layer, at.due.slot, at.set) + entry;
    const int stamp = ranks.stamps.loadIf(wanted, note);
    const bool gapped = ranks.by == RankBy::recurrence;
    const int gap = ranks.gaps.loadIf(wanted && gapped, note);
    rank = gapped ? expectedVisit(at.due.lastPosition - stamp, gap) : stamp;
  }
  ranks.ranks.storeIf(wanted, ranks.rankAt(at.layer, at.set, at.due) + candidate, settled(rank, ranks.inverted));
}

bool rankCandidates(Stream stream, const Ranks& ranks) {
  const bool odd = ranks.kernel % 2 == 1 && ranks.kernel >= 1 && ranks.kernel <= maxKernel;
  if (ranks.pool != PoolBy::none && !odd) return false;
  const Grid grid{ranks.cache.layers * ranks.cache.sets * ranks.cache.chunkCount, rankThreads};
  const bool scores = ranks.by == RankBy::votes || ranks.by == RankBy::mass;
  launch(stream, grid, scores ? rankScores : rankAlone, ranks);
  return true;
}

}  // namespace pathpress::cuda
