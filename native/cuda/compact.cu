#include "compact.h"

namespace pathpress::cuda {

constexpr int moveThreads = 256, moveWarps = moveThreads / 32;
constexpr int moveEntries = 128;  // whose keys a block moves at once
// A page that is written, the next, and the one after it that may be begun before all lanes have written; 8 more, so
// that rows begin in different banks.
constexpr int staged = 4 * cachePageEntries, stageStride = staged + 8;

// Where a block stands: a layer of a due. Of a key-value head that holds its query heads' own sets all entries are
// candidates.
struct MovePlace {
  Due due;
  int layer, role;
  Global<const int> list;
  int64_t kept;  // where in it the candidates that stay begin

  DEVICE explicit MovePlace(const Compaction& task) {
    const CacheCompression& cache = task.cache;
    const int roles = 2 * cache.kvHeads + cache.sets;
    role = blockIndex() % roles;
    layer = blockIndex() / roles / cache.dues;
    const int number = blockIndex() / roles % cache.dues;
    due = cache.due.load(number);
    if (cache.own && role < 2 * cache.kvHeads) {
      const int64_t row = int64_t{layer} * cache.kvHeads + role / 2;
      due.candidates = heldBy(cache, due, layer, role / 2);
      due.pinned = 0;
      due.length = due.candidates;
      due.scored = task.unitedCounts.load(row * cache.dues + number);
      list = task.united;
      kept = row * task.unitedRoom + due.heldAt;
      return;
    }
    const int set = role < 2 * cache.kvHeads ? cache.setOf(role / 2) : role - 2 * cache.kvHeads;
    due.scored = scoredOf(task.shares, cache, due, number, layer * cache.sets + set);
    list = task.kept;
    kept = (int64_t{layer} * cache.sets + set) * task.keptRoom + due.keptAt;
  }

  // The entry that will be entry `to`.
  DEVICE int sourceIf(bool wanted, int to) const { return stayingIf(wanted, due, list, kept, to); }
};

// The first entry that does not stay where it is.
DEVICE int firstMoved(const MovePlace& at) {
  int low = at.due.pinned, high = at.due.pinned + at.due.scored;  // it is one of [low, high]
  while (low < high) {
    const int middle = (low + high) / 2;
    if (at.sourceIf(true, middle) == middle) low = middle + 1;
    else high = middle;
  }
  return low;
}

DEVICE int64_t pageIf(bool wanted, const Compaction& task, const MovePlace& at, int entry) {
  if (task.cache.own) return ownPageIf(wanted, task.cache, at.due, at.layer, at.role / 2, entry);
  const int64_t row = int64_t{at.due.slot} * task.cache.tableWidth;
  const int number = task.cache.table.loadIf(wanted, row + entry / cachePageEntries);
  return task.cache.page(at.layer, number, at.role / 2);
}

// A tile's keys are all read before one is written; those of later tiles lie after whatever this one writes.
template <int dim>
DEVICE void moveKeys(const Compaction& task, const MovePlace& at) {
  constexpr int vectors = dim / 8, each = moveEntries * vectors / moveThreads;
  const int staying = at.due.staying();
  for (int begin = firstMoved(at); begin < staying; begin += moveEntries) {
    Words key[each];
    UNROLL(each)
    for (int k = 0; k < each; ++k) {
      const int vector = threadIndex() + k * moveThreads, to = begin + vector / vectors;
      const int from = at.sourceIf(to < staying, to);
      const int64_t page = pageIf(to < staying, task, at, from);
      key[k] = task.cache.pages.load16If(to < staying, page + keyAt(from % cachePageEntries, vector % vectors * 8));
    }
    barrier();
    UNROLL(each)
    for (int k = 0; k < each; ++k) {
      const int vector = threadIndex() + k * moveThreads, to = begin + vector / vectors;
      const int64_t page = pageIf(to < staying, task, at, to);
      task.cache.pages.store16If(to < staying, page + keyAt(to % cachePageEntries, vector % vectors * 8), key[k]);
    }
  }
}

// Values lie transposed: a warp has some channels for itself and streams through the pages that something stays of.
// What stays gathers in shared memory until it is a page, which is written where everything has been read.
template <int dim>
DEVICE void moveValues(const Compaction& task, const MovePlace& at, const SharedArray<Bf16>& stage) {
  constexpr int channels = dim / moveWarps, each = channels * 4 / 32;  // vectors of 8 entries, of a lane
  const int lane = threadIndex() % 32, warp = threadIndex() / 32, staying = at.due.staying();
  const int channel = warp * channels + lane / 4, quarter = lane % 4;  // of the first vector
  const int64_t values = cachePageEntries * dim;
  const auto rowOf = [&](int k) { return (channel + k * 8) * stageStride; };
  const auto flush = [&](int to) {  // the page that entry `to` is in
    const int64_t page = pageIf(true, task, at, to) + values;
    UNROLL(each)
    for (int k = 0; k < each; ++k) {
      const bool wanted = to / cachePageEntries * cachePageEntries + quarter * 8 < staying;
      Words row = {};
      if (wanted) row = stage.get16(rowOf(k) + to % staged / cachePageEntries * cachePageEntries + quarter * 8);
      task.cache.pages.store16If(wanted, page + (channel + k * 8) * cachePageEntries + quarter * 8, row);
    }
  };
  const int first = firstMoved(at);
  int next = first / cachePageEntries * cachePageEntries;
  if (first == staying) return;  // the whole block
  while (next < staying) {
    const bool stays = next + lane < staying;
    const int from = at.sourceIf(stays, next + lane);
    const int page = shuffle(from, 0) / cachePageEntries;
    const bool here = stays && from / cachePageEntries == page;
    const int count = bitCount(laneVotes(here));
    uint32_t mask = here ? 1u << from % cachePageEntries : 0u;  // of the page's entries, those that stay
    for (int step = 1; step < 32; step *= 2) mask |= shuffleXor(mask, step);
    const int64_t source = pageIf(true, task, at, page * cachePageEntries) + values;
    const uint32_t own = mask >> (quarter * 8) & 0xFF;
    const int place = next + bitCount(mask & ((1u << (quarter * 8)) - 1));
    UNROLL(each)
    for (int k = 0; k < each; ++k) {
      const int64_t at16 = source + (channel + k * 8) * cachePageEntries + quarter * 8;
      const Words row = task.cache.pages.load16If(own != 0, at16);
      int to = place;
      UNROLL(8)
      for (int i = 0; i < 8; ++i) {
        if (!(own >> i & 1)) continue;
        const uint32_t word = row.word[i / 2];
        stage.set(rowOf(k) + to++ % staged, {static_cast<uint16_t>(i % 2 ? word >> 16 : word & 0xFFFF)});
      }
    }
    const int before = next;
    next += count;
    if (next / cachePageEntries == before / cachePageEntries) continue;
    warpBarrier();
    flush(before);
  }
  if (staying % cachePageEntries == 0) return;
  // Past the last entry zeros, since they are read as far as a vector goes.
  const int left = (8 - staying % 8) % 8;
  UNROLL(each)
  for (int k = 0; k < each; ++k) {
    if (quarter != 0) continue;
    for (int i = 0; i < left; ++i) stage.set(rowOf(k) + (staying + i) % staged, {0});
  }
  warpBarrier();
  flush(staying);
}

// What is noted of a set's entries beside keys and values, and the new length.
DEVICE void moveNotes(const Compaction& task, const MovePlace& at) {
  const int set = at.role - 2 * task.cache.kvHeads, staying = at.due.staying();
  const int64_t notes = task.cache.noteAt(at.layer, at.due.slot, set);
  for (int begin = 0; begin < staying; begin += moveThreads) {
    const int to = begin + threadIndex();
    const bool wanted = to < staying;
    const int from = at.sourceIf(wanted, to);
    const int position = positionIf(wanted, task.cache, at.due, at.layer, set, from);
    const float mass = task.mass.loadIf(wanted && task.mass, notes + from);
    const int stamp = task.stamps.loadIf(wanted && task.stamps, notes + from);
    const int gap = task.gaps.loadIf(wanted && task.gaps, notes + from);
    barrier();
    task.cache.positions.storeIf(wanted, notes + to, position);
    task.mass.storeIf(wanted && task.mass, notes + to, mass);
    task.stamps.storeIf(wanted && task.stamps, notes + to, stamp);
    task.gaps.storeIf(wanted && task.gaps, notes + to, gap);
  }
  const bool first = at.layer == 0 && set == 0 && threadIndex() == 0;
  task.cache.lengths.storeIf(first, at.due.slot, staying);
}

// A block the keys of a key-value head, its values, or the notes of a set.
template <int dim>
BOUNDED_KERNEL(moveThreads, 2) moveEntriesOf(Compaction task) {
  SHARED_ARRAY(Bf16, stage, dim * stageStride);
  const MovePlace at(task);
  if (at.role >= 2 * task.cache.kvHeads) moveNotes(task, at);
  else if (at.role % 2 == 0) moveKeys<dim>(task, at);
  else moveValues<dim>(task, at, stage);
}

bool compactCaches(Stream stream, const Compaction& task) {
  const CacheCompression& cache = task.cache;
  const Grid grid{cache.layers * cache.dues * (2 * cache.kvHeads + cache.sets), moveThreads};
  if (cache.dim == 64) launch(stream, grid, moveEntriesOf<64>, task);
  else if (cache.dim == 128) launch(stream, grid, moveEntriesOf<128>, task);
  return cache.dim == 64 || cache.dim == 128;
}

}  // namespace pathpress::cuda
