#include "reranks.h"

#include <cmath>

#include "lots.h"
#include "places.h"
#include "words.h"

namespace pathpress::cuda {

// A block a tenth of a set's candidates: each rank's new place is the candidate whose lot has as many before it.
KERNEL shuffleTenth(Shuffling task) {
  SHARED_ARRAY(double, lots, 2 * rankThreads);
  const Ranks& ranks = task.ranks;
  const int tenth = blockIndex() % 10, number = blockIndex() / 10 % ranks.cache.dues;
  const int row = blockIndex() / 10 / ranks.cache.dues;
  const int layer = row / ranks.cache.sets, set = row % ranks.cache.sets;
  const Due due = ranks.cache.due.load(number);
  const int low = (tenth * due.candidates + 9) / 10, high = ((tenth + 1) * due.candidates + 9) / 10;
  const Lots lot(ranks.lots.load(number), layer, set, due.cycle);
  const int64_t first = ranks.rankAt(layer, set, due);
  int turn = 0;
  for (int begin = low; begin < high; begin += rankThreads) {
    const int own = begin + threadIndex();
    const double mine = lot.of(positionIf(own < high, ranks.cache, due, layer, set, due.pinned + own));
    int before = 0;
    for (int others = low; others < high; others += rankThreads, turn ^= rankThreads) {
      const int other = others + threadIndex();
      const double drawn = lot.of(positionIf(other < high, ranks.cache, due, layer, set, due.pinned + other));
      lots.set(turn + threadIndex(), drawn);
      barrier();
      for (int i = 0; i < rankThreads && others + i < high; ++i) {
        const double rival = lots.get(turn + i);
        before += rival > mine || (rival == mine && others + i < own);
      }
    }
    const double rank = ranks.ranks.loadIf(own < high, first + low + before);
    task.shuffled.storeIf(own < high, first + own, rank);
  }
}

void shuffleRanks(Stream stream, const Shuffling& task) {
  const CacheCompression& cache = task.ranks.cache;
  launch(stream, {cache.layers * cache.sets * cache.dues * 10, rankThreads}, shuffleTenth, task);
}

// Efraimidis and Spirakis (2006): the largest of log(u) / weight.
KERNEL drawByRank(Ranks ranks) {
  const RankPlace at(ranks.cache);
  const int candidate = at.first + threadIndex();
  const bool wanted = candidate >= 0 && candidate < at.due.candidates;
  const int entry = at.due.pinned + candidate;
  const int position = positionIf(wanted, ranks.cache, at.due, at.layer, at.set, entry);
  const Lots lot(ranks.lots.load(at.number), at.layer, at.set, at.due.cycle);
  const double u = (lot.of(position) + 0.5) * 0x1p-53;
  const int64_t place = ranks.rankAt(at.layer, at.set, at.due) + candidate;
  const double rank = ranks.ranks.loadIf(wanted, place);
  ranks.ranks.storeIf(wanted, place, rank > 0 ? std::log(u) / rank : -INFINITY);
}

void drawRanks(Stream stream, const Ranks& ranks) {
  launch(stream, {ranks.cache.layers * ranks.cache.sets * ranks.cache.chunkCount, rankThreads}, drawByRank, ranks);
}

// A warp a page, whose values lie transposed: a lane reads eight entries of a channel at once.
KERNEL measureWidths(Widest task) {
  const CacheCompression& cache = task.ranks.cache;
  const RankPlace at(cache);
  const int lane = threadIndex() % 32, outer = lane / 4, inner = lane % 4;
  const int first = at.first + threadIndex() / 32 * cachePageEntries + inner * 8;  // candidate
  const int entry = at.due.pinned + first;
  const bool wanted = first + 8 > 0 && first < at.due.candidates;
  const int64_t row = int64_t{at.due.slot} * cache.tableWidth;
  const int number = cache.table.loadIf(wanted, row + entry / cachePageEntries);
  const int heads = cache.kvHeads / cache.sets;
  float widths[8] = {};
  for (int head = at.set * heads; head < (at.set + 1) * heads; ++head) {
    const int64_t values = cache.page(at.layer, number, head) + cachePageEntries * cache.dim + inner * 8;
    float least[8], largest[8];
    UNROLL(8)
    for (int i = 0; i < 8; ++i) {
      least[i] = INFINITY;
      largest[i] = -INFINITY;
    }
    for (int channel = outer; channel < cache.dim; channel += 8) {
      const Words value = cache.pages.stream16If(wanted, values + channel * cachePageEntries);
      UNROLL(8)
      for (int i = 0; i < 8; ++i) {
        const float one = half(value.word, i);
        least[i] = one < least[i] ? one : least[i];
        largest[i] = one > largest[i] ? one : largest[i];
      }
    }
    UNROLL(8)
    for (int i = 0; i < 8; ++i) {
      for (int mask = 4; mask < 32; mask *= 2) {
        const float low = shuffleXor(least[i], mask), high = shuffleXor(largest[i], mask);
        least[i] = low < least[i] ? low : least[i];
        largest[i] = high > largest[i] ? high : largest[i];
      }
      widths[i] += (largest[i] - least[i]) / static_cast<float>(heads);
    }
  }
  const int64_t to = task.ranks.rankAt(at.layer, at.set, at.due) + first;
  UNROLL(8)
  for (int i = 0; i < 8; ++i) {
    const bool mine = outer == 0 && first + i >= 0 && first + i < at.due.candidates;
    task.widths.storeIf(mine, to + i, double{widths[i]});
  }
}

// A block a set of a due.
KERNEL raiseChosen(Widest task) {
  const int number = blockIndex() % task.ranks.cache.dues, row = blockIndex() / task.ranks.cache.dues;
  const int layer = row / task.ranks.cache.sets, set = row % task.ranks.cache.sets;
  const Due due = task.ranks.cache.due.load(number);
  const int64_t kept = task.choice.keptAt(layer, set, due), ranks = task.ranks.rankAt(layer, set, due);
  for (int i = threadIndex(); i < task.choice.wanted(due); i += rankThreads) {
    task.ranks.ranks.store(ranks + task.choice.kept.load(kept + i), INFINITY);
  }
}

bool raiseWidest(Stream stream, const Widest& task) {
  const CacheCompression& cache = task.ranks.cache;
  if (cache.dim % 8 != 0) return false;
  launch(stream, {cache.layers * cache.sets * cache.chunkCount, rankThreads}, measureWidths, task);
  chooseBest(stream, task.choice);
  launch(stream, {cache.layers * cache.sets * cache.dues, rankThreads}, raiseChosen, task);
  return true;
}

}  // namespace pathpress::cuda
