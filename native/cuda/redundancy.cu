#include "redundancy.h"

#include <cmath>

#include "page_keys.h"
#include "words.h"

namespace pathpress::cuda {

constexpr int similarThreads = 32 * votePages;
constexpr float unit = 0x1p-24f;  // numbers above 0.5 are whole multiples of it: sums of them know no order

template <int dim>
BOUNDED_KERNEL(similarThreads, 1) measureKeys(Redundancy task) {
  const VotePlace at(task.ranks.cache);
  const int end = task.keysEnd(at.due), first = at.page * cachePageEntries;
  const PageKeys<dim> keys(task.ranks.cache, at, at.due.softmaxFirst, end);
  const int lane = threadIndex() % 32, outer = lane / 4, inner = lane % 4;
  const int64_t to = task.keysAt(at.layer, at.head, at.due) + first;
  UNROLL(4)
  for (int m = 0; m < 4; ++m) {
    float sum = 0;
    UNROLL(dim / 32)
    for (int s = 0; s < dim / 32; ++s) {
      UNROLL(8)
      for (int i = 0; i < 8; ++i) sum += half(keys.word[s][m].word, i) * half(keys.word[s][m].word, i);
    }
    for (int mask = 1; mask < 4; mask *= 2) sum += shuffleXor(sum, mask);
    const int entry = outer / 2 * 8 + m * 2 + outer % 2;
    task.scales.storeIf(inner == 0, to + entry, 1 / (std::sqrt(sum) + 1e-8f));
    task.dropped.storeIf(inner == 0, to + entry, 0);
  }
}

// A warp a page, with which all keys are compared, sixteen at a time.
template <int dim>
BOUNDED_KERNEL(similarThreads, 1) sumSimilar(Redundancy task) {
  const CacheCompression& cache = task.ranks.cache;
  const VotePlace at(cache);
  const int end = task.keysEnd(at.due), first = at.page * cachePageEntries;
  if (first >= end) return;  // the whole warp
  const PageKeys<dim> keys(cache, at, at.due.softmaxFirst, end);
  const int lane = threadIndex() % 32, outer = lane / 4, inner = lane % 4, own = first + inner * 8;
  const int64_t notes = task.keysAt(at.layer, at.head, at.due);
  float scale[8], sum[8] = {}, lastOne[8] = {};
  int last[8];
  UNROLL(8)
  for (int i = 0; i < 8; ++i) {
    scale[i] = task.scales.load(notes + own + i);
    last[i] = -1;
  }
  const int begin = at.due.softmaxFirst / 16 * 16;
  for (int tile = begin; tile < end; tile += 16) {
    const int64_t row = int64_t{at.due.slot} * cache.tableWidth;
    const int number = cache.table.load(row + tile / cachePageEntries);
    const int64_t page = cache.page(at.layer, number, at.head) + keyAt(tile % cachePageEntries + outer, inner * 8);
    const int low = tile + outer, high = low + 8;
    const bool lowInside = low >= at.due.softmaxFirst && low < end;
    const bool highInside = high >= at.due.softmaxFirst && high < end;
    FragmentC products[4] = {};
    UNROLL(dim / 32)
    for (int s = 0; s < dim / 32; ++s) {
      const Words a = cache.pages.load16If(lowInside, page + keyAt(0, s * 32));
      const Words b = cache.pages.load16If(highInside, page + keyAt(8, s * 32));
      UNROLL(4)
      for (int m = 0; m < 4; ++m) {
        const Words& key = keys.word[s][m];
        mma(products[m], {{a.word[0], b.word[0], a.word[1], b.word[1]}}, {{key.word[0], key.word[1]}});
        mma(products[m], {{a.word[2], b.word[2], a.word[3], b.word[3]}}, {{key.word[2], key.word[3]}});
      }
    }
    UNROLL(2)
    for (int half = 0; half < 2; ++half) {
      const int other = half == 0 ? low : high;
      const bool inside = half == 0 ? lowInside : highInside;
      const float otherScale = task.scales.loadIf(inside, notes + other);
      UNROLL(8)
      for (int i = 0; i < 8; ++i) {
        const float similar = products[i / 2].value[half * 2 + i % 2] * (otherScale * scale[i]);
        if (!inside || other == own + i) continue;
        sum[i] += similar;
        if (similar > 0.5f) {
          last[i] = other;
          lastOne[i] = similar;
        }
      }
    }
  }
  UNROLL(8)
  for (int i = 0; i < 8; ++i) {
    for (int mask = 4; mask < 32; mask *= 2) {
      sum[i] += shuffleXor(sum[i], mask);
      const int rival = shuffleXor(last[i], mask);
      const float rivalOne = shuffleXor(lastOne[i], mask);
      if (rival > last[i]) lastOne[i] = rivalOne;
      last[i] = rival > last[i] ? rival : last[i];
    }
    const bool inside = outer == 0 && own + i >= at.due.softmaxFirst && own + i < end;
    task.sums.storeIf(inside, notes + own + i, sum[i]);
    if (inside && last[i] >= 0) {
      task.dropped.add(notes + last[i], static_cast<unsigned long long>(lastOne[i] / unit));
    }
  }
}

// A block a set of a due, its heads one after the other.
BOUNDED_KERNEL(similarThreads, 1) takeOff(Redundancy task) {
  SHARED_ARRAY(double, tops, similarThreads);
  SHARED_ARRAY(double, totals, similarThreads);
  const Ranks& ranks = task.ranks;
  const int number = blockIndex() % ranks.cache.dues, row = blockIndex() / ranks.cache.dues;
  const int layer = row / ranks.cache.sets, set = row % ranks.cache.sets;
  const Due due = ranks.cache.due.load(number);
  const int end = task.keysEnd(due), heads = ranks.cache.kvHeads / ranks.cache.sets;
  const auto count = static_cast<double>(end - due.softmaxFirst);
  const int64_t rank = ranks.rankAt(layer, set, due);
  for (int head = set * heads; head < (set + 1) * heads; ++head) {
    const int64_t notes = task.keysAt(layer, head, due);
    const auto column = [&](bool wanted, int entry) {
      const auto dropped = static_cast<double>(task.dropped.loadIf(wanted, notes + entry));
      return double{task.sums.loadIf(wanted, notes + entry)} - dropped * double{unit};
    };
    double top = -INFINITY;
    for (int begin = due.softmaxFirst; begin < end; begin += similarThreads) {
      const int entry = begin + threadIndex();
      const double one = column(entry < end, entry);
      if (entry < end && one > top) top = one;
    }
    tops.set(threadIndex(), top);
    barrier();
    for (int i = 0; i < similarThreads; ++i) top = tops.get(i) > top ? tops.get(i) : top;
    double total = 0;
    for (int begin = due.softmaxFirst; begin < end; begin += similarThreads) {
      const int entry = begin + threadIndex();
      const double one = column(entry < end, entry);
      if (entry < end) total += std::exp((one - top) / count);
    }
    totals.set(threadIndex(), total);
    barrier();
    total = 0;
    for (int i = 0; i < similarThreads; ++i) total += totals.get(i);
    for (int begin = 0; begin < due.candidates; begin += similarThreads) {
      const int i = begin + threadIndex();
      const bool wanted = i < due.candidates;
      const double weight = head == set * heads ? task.lambda / static_cast<double>(due.rows > 1 ? due.rows : 1) : 1;
      const double less = (1 - task.lambda) * std::exp((column(wanted, due.pinned + i) - top) / count) / total / heads;
      ranks.ranks.storeIf(wanted, rank + i, ranks.ranks.loadIf(wanted, rank + i) * weight - less);
    }
  }
}

template <int dim>
void runRedundancy(Stream stream, const Redundancy& task) {
  const CacheCompression& cache = task.ranks.cache;
  const Grid pages{cache.layers * cache.kvHeads * cache.chunkCount, similarThreads};
  launch(stream, pages, measureKeys<dim>, task);
  launch(stream, pages, sumSimilar<dim>, task);
  launch(stream, {cache.layers * cache.sets * cache.dues, similarThreads}, takeOff, task);
}

bool takeOffRedundancy(Stream stream, const Redundancy& task) {
  if (task.ranks.cache.dim == 64) runRedundancy<64>(stream, task);
  else if (task.ranks.cache.dim == 128) runRedundancy<128>(stream, task);
  return task.ranks.cache.dim == 64 || task.ranks.cache.dim == 128;
}

}  // namespace pathpress::cuda
