#include "read_sets.h"

#include "order.h"

namespace pathpress::cuda {

constexpr int boundThreads = 128, readThreads = 256, readWarps = readThreads / 32;

// A block a key-value head of a row; the last row of a sequence has its new entries' half pages, a warp each.
BOUNDED_KERNEL(boundThreads, 4) noteBounds(ReadSets task) {
  const int row = blockIndex() / task.kvHeads, head = blockIndex() % task.kvHeads;
  letNextBegin();
  awaitEarlier();
  const int slot = task.rows.slots.load(row), lane = threadIndex() % 32;
  if (slot < 0 || !task.rows.isLast(row, slot)) return;  // the whole block; there is no barrier
  if (!task.readings.load(slot).chooses(task.layer)) return;
  int oldest = row;
  while (oldest > 0 && task.rows.slots.load(oldest - 1) == slot) --oldest;
  const int first = (task.rows.lengths.load(oldest) - 1) / halfEntries, length = task.rows.lengths.load(row);
  for (int number = first + threadIndex() / 32; number * halfEntries < length; number += boundThreads / 32) {
    const int entry = number * halfEntries;  // its first
    const int64_t page = task.table.page(slot, entry / cachePageEntries) * task.kvHeads + head;
    const int64_t keys = page * (2 * cachePageEntries * task.dim) + keyAt(entry % cachePageEntries, 0);
    const int64_t to = task.boundsAt(slot, head, number);
    for (int channel = lane * 2; channel < task.dim; channel += 64) {
      float least[2], largest[2];
      for (int e = 0; e < halfEntries; ++e) {
        const bool inside = entry + e < length;
        const uint32_t pair = task.pages.load4If(inside, keys + keyAt(e, channel));
        UNROLL(2)
        for (int i = 0; i < 2; ++i) {
          const float key = half(&pair, i);
          if (e == 0 || (inside && key < least[i])) least[i] = key;
          if (e == 0 || (inside && key > largest[i])) largest[i] = key;
        }
      }
      task.bounds.store4If(true, to + channel, halves(least[0], least[1]));
      task.bounds.store4If(true, to + task.dim + channel, halves(largest[0], largest[1]));
    }
  }
}

// Over all warps of a block: sums of what each brings. Two sets of parts take turns, so that one barrier is enough.
struct WarpSums {
  SharedArray<int> parts;  // (2, readWarps)
  int turn = 0;

  DEVICE void bring(int mine) {
    turn ^= readWarps;
    if (threadIndex() % 32 == 0) parts.set(turn + threadIndex() / 32, mine);
    barrier();
  }
  DEVICE int upTo(int warp) const {
    int sum = 0;
    for (int w = 0; w < warp; ++w) sum += parts.get(turn + w);
    return sum;
  }
};

// The scores' bound on q·k, summed over the query heads. A warp a half page.
DEVICE void scoreHalves(const ReadSets& task, int row, int slot, int head, int older, int64_t orders) {
  const int lane = threadIndex() % 32;
  const int64_t queries = (static_cast<int64_t>(row) * task.kvHeads + head) * task.group * task.dim;
  for (int number = threadIndex() / 32; number < older; number += readWarps) {  // the whole warp
    const int64_t bounds = task.boundsAt(slot, head, number);
    float sum = 0;
    for (int channel = lane * 2; channel < task.dim; channel += 64) {
      const uint32_t least = task.bounds.load4If(true, bounds + channel);
      const uint32_t largest = task.bounds.load4If(true, bounds + task.dim + channel);
      for (int h = 0; h < task.group; ++h) {
        const uint32_t query = task.query.load4If(true, queries + h * task.dim + channel);
        UNROLL(2)
        for (int i = 0; i < 2; ++i) {
          const float low = half(&query, i) * half(&least, i), high = half(&query, i) * half(&largest, i);
          sum += low > high ? low : high;
        }
      }
    }
    for (int mask = 16; mask > 0; mask /= 2) sum += shuffleXor(sum, mask);
    task.orders.storeIf(lane == 0, orders + number, orderOf(sum));
  }
}

// The largest order that at least `wanted` of the half pages reach.
DEVICE uint32_t thresholdOf(const ReadSets& task, int older, int wanted, int64_t orders, WarpSums& sums) {
  uint32_t found = 0;
  for (uint32_t bit = 1u << 31; bit > 0; bit >>= 1) {
    int reaching = 0;  // of the warp
    for (int begin = 0; begin < older; begin += readThreads) {
      const int i = begin + threadIndex();
      const uint32_t order = task.orders.loadIf(i < older, orders + i);
      reaching += bitCount(laneVotes(i < older && order >= (found | bit)));
    }
    sums.bring(reaching);
    if (sums.upTo(readWarps) >= wanted) found |= bit;
  }
  return found;
}

// A block a key-value head of a row. The earlier half page wins a tie.
BOUNDED_KERNEL(readThreads, 2) choosePages(ReadSets task) {
  SHARED_ARRAY(int, parts, 2 * readWarps);
  const int row = blockIndex() / task.kvHeads, head = blockIndex() % task.kvHeads;
  letNextBegin();
  awaitEarlier();
  const int slot = task.rows.slots.load(row), length = task.rows.lengths.load(row);
  if (slot < 0) return;  // the whole block
  const int wanted = task.readings.load(slot).chosen(task.layer, task.rows.positions.load(row), length) - 1;
  if (wanted < 0) return;  // the whole block
  const int warp = threadIndex() / 32, older = (length - 1) / halfEntries;
  const int64_t orders = static_cast<int64_t>(blockIndex()) * task.halves();
  const int64_t to = static_cast<int64_t>(blockIndex()) * task.mostChosen;
  scoreHalves(task, row, slot, head, older, orders);
  barrier();
  WarpSums sums{parts};
  const uint32_t threshold = thresholdOf(task, older, wanted, orders, sums);
  int better = 0;
  for (int begin = 0; begin < older; begin += readThreads) {
    const int i = begin + threadIndex();
    const uint32_t order = task.orders.loadIf(i < older, orders + i);
    better += bitCount(laneVotes(i < older && order > threshold));
  }
  sums.bring(better);
  const int ties = wanted - sums.upTo(readWarps);  // that are read
  int placed = 0, tied = 0;                        // before this turn
  for (int begin = 0; begin < older; begin += readThreads) {
    const int i = begin + threadIndex();
    const uint32_t order = task.orders.loadIf(i < older, orders + i), before = (1u << threadIndex() % 32) - 1;
    const uint32_t betters = laneVotes(i < older && order > threshold);
    const uint32_t alikes = laneVotes(i < older && order == threshold);
    sums.bring(bitCount(betters) | bitCount(alikes) << 16);
    const int counts = sums.upTo(warp), all = sums.upTo(readWarps);
    const int alikeBefore = tied + (counts >> 16) + bitCount(alikes & before);
    const int place = placed + (counts & 0xFFFF) + bitCount(betters & before) + (alikeBefore < ties ? alikeBefore : ties);
    const bool read = i < older && (order > threshold || (order == threshold && alikeBefore < ties));
    task.chosen.storeIf(read, to + place, i);
    placed += all & 0xFFFF;
    tied += all >> 16;
  }
  task.chosen.storeIf(threadIndex() == 0, to + wanted, older);
}

bool chooseReadSets(Stream stream, const ReadSets& task) {
  if (task.dim % 2 != 0) return false;
  const int blocks = task.rows.count * task.kvHeads;
  launchEarly(stream, {blocks, boundThreads}, noteBounds, task);
  launchEarly(stream, {blocks, readThreads}, choosePages, task);
  return true;
}

}  // namespace pathpress::cuda
