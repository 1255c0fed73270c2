#include "heads.h"

#include "words.h"

namespace pathpress::cuda {

constexpr int headWarps = 4, headThreads = headWarps * 32;
constexpr int valueGroup = 8;  // slots of a channel's values that attention reads in one access

// The channels of a head that a lane has, in a row.
template <int dim>
struct LaneChannels {
  static constexpr int count = dim / 32;
  float value[count];
};

template <int count>
DEVICE void loadFloats(const Global<const float>& from, bool wanted, int64_t at, float* to) {
  if (count == 4) {
    const Words words = from.load16If(wanted, at);
    for (int i = 0; i < 4; ++i) to[i % count] = asFloat(words.word[i]);
  } else {
    const WordPair words = from.load8If(wanted, at);
    for (int i = 0; i < 2; ++i) to[i] = asFloat(words.word[i]);
  }
}

template <int count>
DEVICE void storeHalves(const Global<Bf16>& to, bool wanted, int64_t at, const float* from) {
  if (count == 4) {
    to.store8If(wanted, at, {{halves(from[0], from[1]), halves(from[2 % count], from[3 % count])}});
  } else {
    to.store4If(wanted, at, halves(from[0], from[1]));
  }
}

template <int dim>
DEVICE void normalize(const Global<const Bf16>& weight, float epsilon, LaneChannels<dim>& mine) {
  constexpr int count = LaneChannels<dim>::count;
  float sum = 0;
  UNROLL(count)
  for (int i = 0; i < count; ++i) sum += mine.value[i] * mine.value[i];
  for (int mask = 16; mask > 0; mask /= 2) sum += shuffleXor(sum, mask);
  const float scale = reciprocalRoot(sum / static_cast<float>(dim) + epsilon);
  UNROLL(count / 2)
  for (int i = 0; i < count; i += 2) {
    const uint32_t pair = weight.load4If(true, threadIndex() % 32 * count + i);
    mine.value[i] *= scale * half(&pair, 0);
    mine.value[i + 1] *= scale * half(&pair, 1);
  }
}

// By what the lane's channels turn, read ahead of its use; nothing where `wanted` is false.
template <int dim>
struct LaneTurns {
  static constexpr int count = LaneChannels<dim>::count;
  WordPair angle[count];

  DEVICE LaneTurns(const HeadPreparation& task, bool wanted, int position) {
    UNROLL(count)
    for (int i = 0; i < count; ++i) {
      const int pair = pairOf(task, i);
      const bool turns = wanted && pair < task.pairs;
      angle[i] = task.angles.load8If(turns, (static_cast<int64_t>(position) * task.pairs + pair) * 2);
    }
  }
  static DEVICE int channelOf(int i) { return threadIndex() % 32 * count + i; }
  static DEVICE int pairOf(const HeadPreparation& task, int i) {
    return task.neighbours ? channelOf(i) / 2 : channelOf(i) % (dim / 2);
  }
};

template <int dim>
DEVICE void rotate(const HeadPreparation& task, const LaneTurns<dim>& by, LaneChannels<dim>& mine) {
  constexpr int count = LaneChannels<dim>::count;
  float other[count];
  UNROLL(count)
  for (int i = 0; i < count; ++i) {
    const float opposite = shuffleXor(mine.value[i], 16);  // the channel half a head away
    other[i] = task.neighbours ? mine.value[i ^ 1] : opposite;
  }
  UNROLL(count)
  for (int i = 0; i < count; ++i) {
    const int channel = by.channelOf(i);
    const bool second = task.neighbours ? channel % 2 == 1 : channel >= dim / 2;
    const float cosine = asFloat(by.angle[i].word[0]), sine = asFloat(by.angle[i].word[1]);
    const float turned = second ? mine.value[i] * cosine + other[i] * sine : mine.value[i] * cosine - other[i] * sine;
    mine.value[i] = by.pairOf(task, i) < task.pairs ? turned : mine.value[i];
  }
}

// What the ring of a row's sequence says, read ahead of its use.
struct RingTurns {
  int turns, from, until;

  DEVICE RingTurns(const QueryRing& ring, bool wanted, int slot)
      : turns(ring.rowsOfSlot.loadIf(wanted, slot)), from(ring.from.loadIf(wanted, slot)),
        until(ring.until.loadIf(wanted, slot)) {}
};

// Where a prompt's rows are more than the ring holds, a later one takes the same place.
template <int dim>
DEVICE void keepQuery(const HeadPreparation& task, const RingTurns& own, int row, int head, int slot, int position,
                      const LaneChannels<dim>& mine) {
  const QueryRing& ring = task.ring;
  const int later = row + own.turns;
  if (own.turns == 0 || position < own.from || position >= own.until) return;  // the whole warp
  if (position + own.turns < own.until && later < task.rows.count && task.rows.slots.load(later) == slot) return;
  const int64_t place = (static_cast<int64_t>(slot) * ring.mostRows + position % own.turns) * task.heads + head;
  storeHalves<LaneChannels<dim>::count>(ring.rows, true, place * dim + threadIndex() % 32 * (dim / 32), mine.value);
}

// Attention reads a channel's values eight slots at a time, multiplies those past the end with zero, and whose numbers
// lie there may be NaN: where a group of eight begins in this launch, the sequence's last row clears the rest of it.
template <int dim>
DEVICE void storeValue(const HeadPreparation& task, int row, int slot, int64_t page, int entry,
                       const LaneChannels<dim>& mine) {
  const int begin = row - entry % valueGroup;
  const bool begins = begin >= 0 && task.rows.slots.load(begin) == slot, clears = begins && task.rows.isLast(row, slot);
  const bool whole = clears && entry % valueGroup == 0;
  UNROLL(dim / 32)
  for (int i = 0; i < dim / 32; ++i) {
    const int64_t channel = threadIndex() % 32 * (dim / 32) + i;
    const int64_t at = page + cachePageEntries * dim + channel * cachePageEntries + entry;
    const Bf16 value = toBf16(mine.value[i]);
    task.pages.storeIf(!whole, at, value);
    task.pages.store16If(whole, at, {{value.bits, 0, 0, 0}});
    UNROLL(valueGroup - 1)
    for (int ahead = 1; ahead < valueGroup; ++ahead) {
      task.pages.storeIf(clears && !whole && entry % valueGroup + ahead < valueGroup, at + ahead, Bf16{0});
    }
  }
}

// A warp a head: queries, then keys, then values.
template <int dim, bool special>
BOUNDED_KERNEL(headThreads, 4) prepareHead(HeadPreparation task) {
  constexpr int count = LaneChannels<dim>::count;
  const int parts = task.heads + 2 * task.kvHeads;
  const int item = blockIndex() * headWarps + threadIndex() / 32, lane = threadIndex() % 32;
  const int row = item / parts, part = item % parts;
  letNextBegin();
  if (row >= task.rows.count) {  // the whole warp; there is no barrier
    awaitEarlier();
    return;
  }
  const bool isQuery = part < task.heads, isKey = !isQuery && part < task.heads + task.kvHeads;
  // There is little to do and much to wait for: what does not depend on one another is asked for at once.
  const int slot = task.rows.slots.load(row), position = task.rows.positions.load(row);
  const int entry = task.rows.lengths.load(row) - 1;
  const RingTurns ring(task.ring, isQuery && slot >= 0 && task.ring.rows, slot);
  const int64_t page = static_cast<int64_t>(slot) * task.table.width + entry / cachePageEntries;
  const Reading reading = special ? task.readings.loadIf(slot >= 0, slot) : Reading{};
  const int64_t number = task.table.pages.loadIf(!isQuery && slot >= 0 && reading.uneven == 0, page);
  const bool byPlace = reading.rotated != 0, turns = slot >= 0 && (isQuery || (isKey && !byPlace));
  const LaneTurns<dim> by(task, turns, byPlace ? entry : position);
  awaitEarlier();
  LaneChannels<dim> mine;
  loadFloats<count>(task.qkv, true, (static_cast<int64_t>(row) * parts + part) * dim + lane * count, mine.value);
  if (isQuery && task.queryNorm) normalize<dim>(task.queryNorm, task.epsilon, mine);
  if (isKey && task.keyNorm) normalize<dim>(task.keyNorm, task.epsilon, mine);
  if (turns) rotate<dim>(task, by, mine);
  if (isQuery) {
    const int64_t at = (static_cast<int64_t>(row) * task.heads + part) * dim + lane * count;
    storeHalves<count>(task.query, true, at, mine.value);
    if (slot >= 0) keepQuery<dim>(task, ring, row, part, slot, position, mine);
  } else if (slot >= 0) {
    const int head = (part - task.heads) % task.kvHeads;
    int own = entry;
    int64_t at = number * task.kvHeads + head;
    if (special && reading.uneven != 0) {
      own -= task.uneven.lessOf(slot, task.kvHeads, head);
      at = task.uneven.page(task.table, slot, task.kvHeads, head, own / cachePageEntries);
    }
    at *= 2 * cachePageEntries * dim;
    const int within = own % cachePageEntries;
    if (isKey) storeHalves<count>(task.pages, true, at + keyAt(within, lane * count), mine.value);
    else storeValue<dim>(task, row, slot, at, within, mine);
  }
}

bool prepareHeads(Stream stream, const HeadPreparation& task) {
  if (task.dim != 64 && task.dim != 128) return false;
  if (task.pairs < 1 || task.pairs > task.dim / 2 || (!task.neighbours && task.pairs != task.dim / 2)) return false;
  const int items = task.rows.count * (task.heads + 2 * task.kvHeads);
  const Grid grid{(items + headWarps - 1) / headWarps, headThreads};
  if (task.dim == 64) launchEarly(stream, grid, task.readings ? prepareHead<64, true> : prepareHead<64, false>, task);
  else launchEarly(stream, grid, task.readings ? prepareHead<128, true> : prepareHead<128, false>, task);
  return true;
}

}  // namespace pathpress::cuda
