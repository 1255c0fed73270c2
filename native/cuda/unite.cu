#include "unite.h"

namespace pathpress::cuda {

constexpr int uniteThreads = 256, uniteWarps = uniteThreads / 32;
constexpr uint16_t seenByAll = 0xFFFF;

// Where a block stands: a key-value head of a layer of a due.
struct UnitePlace {
  Due due;
  int layer, kvHead, number, held;
  int64_t marks;  // where the head's begin, and those that stay

  DEVICE explicit UnitePlace(const Uniting& task) {
    const CacheCompression& cache = task.cache;
    kvHead = blockIndex() % cache.own.kvHeads;
    layer = blockIndex() / cache.own.kvHeads / cache.dues;
    number = blockIndex() / cache.own.kvHeads % cache.dues;
    due = cache.due.load(number);
    held = heldBy(cache, due, layer, kvHead);
    marks = (int64_t{layer} * cache.own.kvHeads + kvHead) * task.room + due.heldAt;
  }
};

// The entry, among the key-value head's, that will be entry `to` of a query head's set.
DEVICE int sourceIf(bool wanted, const Uniting& task, const UnitePlace& at, int head, int to) {
  const int64_t kept = (int64_t{at.layer} * task.cache.sets + head) * task.keptRoom + at.due.keptAt;
  const int entry = stayingIf(wanted, at.due, task.kept, kept, to);
  return memberIf(wanted, task.cache, at.due, at.layer, head, at.held, entry);
}

// Every set's bit in the marks of its entries.
DEVICE void markSets(const Uniting& task, const UnitePlace& at) {
  for (int entry = threadIndex(); entry < at.held; entry += uniteThreads) task.marks.store(at.marks + entry, 0);
  barrier();
  for (int i = 0; i < task.cache.own.group; ++i) {
    for (int begin = 0; begin < at.due.staying(); begin += uniteThreads) {
      const bool wanted = begin + threadIndex() < at.due.staying();
      const int head = at.kvHead * task.cache.own.group + i;
      const int64_t mark = at.marks + sourceIf(wanted, task, at, head, begin + threadIndex());
      task.marks.storeIf(wanted, mark, task.marks.loadIf(wanted, mark) | 1 << i);
    }
    barrier();
  }
}

// Lists what is marked, with its mask, and leaves in place of the marks where each will be. Returns how many there are.
DEVICE int listMarked(const Uniting& task, const UnitePlace& at, int64_t masks, const SharedArray<int>& warpCounts) {
  const int lane = threadIndex() % 32, warp = threadIndex() / 32;
  int before = 0;
  for (int begin = 0, turn = 0; begin < at.held; begin += uniteThreads, turn ^= uniteWarps) {
    const int entry = begin + threadIndex();
    const int mask = task.marks.loadIf(entry < at.held, at.marks + entry);
    const uint32_t stay = laneVotes(mask != 0);
    if (lane == 0) warpCounts.set(turn + warp, bitCount(stay));
    barrier();
    int place = before + bitCount(stay & ((1u << lane) - 1));
    for (int w = 0; w < uniteWarps; ++w) {
      const int count = warpCounts.get(turn + w);
      place += w < warp ? count : 0;
      before += count;
    }
    task.staying.storeIf(mask != 0, at.marks + place, entry);
    task.cache.own.masks.storeIf(mask != 0, masks + place, static_cast<uint16_t>(mask));
    task.marks.storeIf(mask != 0, at.marks + entry, place);
  }
  return before;
}

// A set's members move as its entries do: none is written before it has been read.
DEVICE void listMembers(const Uniting& task, const UnitePlace& at, int head) {
  const int64_t members = task.cache.noteAt(at.layer, at.due.slot, head);
  for (int begin = 0; begin < at.due.staying(); begin += uniteThreads) {
    const bool wanted = begin + threadIndex() < at.due.staying();
    const int source = sourceIf(wanted, task, at, head, begin + threadIndex());
    const int place = task.marks.loadIf(wanted, at.marks + source);
    barrier();
    task.cache.own.members.storeIf(wanted, members + begin + threadIndex(), place);
  }
}

BOUNDED_KERNEL(uniteThreads, 4) uniteSet(Uniting task) {
  SHARED_ARRAY(int, warpCounts, 2 * uniteWarps);
  const CacheCompression& cache = task.cache;
  const UnitePlace at(task);
  markSets(task, at);
  const int64_t masks = ((int64_t{at.layer} * cache.slots + at.due.slot) * cache.own.kvHeads + at.kvHead) * cache.capacity;
  const int count = listMarked(task, at, masks, warpCounts);
  for (int entry = count + threadIndex(); entry < cache.capacity; entry += uniteThreads) {
    cache.own.masks.store(masks + entry, seenByAll);
  }
  barrier();
  for (int i = 0; i < cache.own.group; ++i) listMembers(task, at, at.kvHead * cache.own.group + i);
  const int64_t row = int64_t{at.layer} * cache.own.kvHeads + at.kvHead;
  task.counts.storeIf(threadIndex() == 0, row * cache.dues + at.number, count);
}

void uniteSets(Stream stream, const Uniting& task) {
  const CacheCompression& cache = task.cache;
  launch(stream, {cache.layers * cache.dues * cache.own.kvHeads, uniteThreads}, uniteSet, task);
}

}  // namespace pathpress::cuda
