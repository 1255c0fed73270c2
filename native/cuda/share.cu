#include "share.h"

#include "order.h"

namespace pathpress::cuda {

constexpr int shareThreads = 512, digits = 16;
constexpr int moveThreads = 128, noteThreads = 128;

// A block a layer of a due. Of an order that candidates must reach, each head keeps as many as reach it and at least its
// floor: digit by digit the largest order by which the heads together keep what they are to.
BOUNDED_KERNEL(shareThreads, 1) shareLayer(SharingOut task) {
  SHARED_ARRAY(int, histogram, mostSharing * digits);
  SHARED_ARRAY(int, better, mostSharing);  // by the digits so far
  SHARED_ARRAY(int, kept, digits);
  const CacheCompression& cache = task.cache;
  const int number = blockIndex() % cache.dues, layer = blockIndex() / cache.dues, heads = cache.sets;
  const int thread = threadIndex();
  const Due due = cache.due.load(number);
  const int floor = task.floor(due), wanted = due.scored * heads;
  const auto orFloor = [&](int count) { return count > floor ? count : floor; };
  if (thread < mostSharing) better.set(thread, 0);
  uint64_t prefix = 0;
  int digit = 0;
  for (int shift = 60; shift >= 0; shift -= 4) {
    for (int i = thread; i < mostSharing * digits; i += shareThreads) histogram.set(i, 0);
    barrier();
    for (int head = 0; head < heads; ++head) {
      const int64_t ranks = (int64_t{layer} * heads + head) * task.room + due.votesAt + due.pinned % cachePageEntries;
      for (int begin = 0; begin < due.candidates; begin += shareThreads) {
        const int i = begin + thread;
        const uint64_t order = orderOf(task.ranks.loadIf(i < due.candidates, ranks + i));
        const bool like = shift == 60 || order >> (shift + 4) == prefix;
        if (i < due.candidates && like) histogram.add(head * digits + static_cast<int>(order >> shift & 15), 1);
      }
    }
    barrier();
    if (thread < digits) {
      int sum = 0;
      for (int head = 0; head < heads; ++head) {
        int reaching = better.get(head);
        for (int d = thread; d < digits; ++d) reaching += histogram.get(head * digits + d);
        sum += orFloor(reaching);
      }
      kept.set(thread, sum);
    }
    barrier();
    digit = digits - 1;
    while (digit > 0 && kept.get(digit) < wanted) --digit;
    prefix = prefix << 4 | static_cast<uint64_t>(digit);
    if (thread < heads) {
      int above = better.get(thread);
      for (int d = digit + 1; d < digits; ++d) above += histogram.get(thread * digits + d);
      better.set(thread, above);
    }
    barrier();
  }
  if (thread != 0) return;
  int left = wanted;
  for (int head = 0; head < heads; ++head) left -= orFloor(better.get(head));
  for (int head = 0; head < heads; ++head) {
    const int own = orFloor(better.get(head));
    const int ties = orFloor(better.get(head) + histogram.get(head * digits + digit)) - own;
    const int more = ties < left ? ties : left;
    task.shares.store((int64_t{layer} * heads + head) * cache.dues + number, own + more);
    left -= more;
  }
}

bool shareOut(Stream stream, const SharingOut& task) {
  if (task.cache.sets > mostSharing) return false;
  launch(stream, {task.cache.layers * task.cache.dues, shareThreads}, shareLayer, task);
  return true;
}

// A block a page: keys of its entries, and of each channel the values as far as a vector of eight goes.
BOUNDED_KERNEL(moveThreads, 4) movePage(PageMoves task) {
  const PageMove move = task.moves.load(blockIndex());
  const int64_t size = 2 * cachePageEntries * task.dim, layer = int64_t{move.layer} * task.layerPages;
  const int64_t from = (layer + move.from) * size, to = (layer + move.to) * size;
  for (int begin = 0; begin < cachePageEntries * task.dim / 8; begin += moveThreads) {
    const int vector = begin + threadIndex();  // of the keys, and of the values
    const bool key = vector * 8 / keyBlock % cachePageEntries < move.entries, value = vector * 8 % cachePageEntries < move.entries;
    const int64_t values = int64_t{cachePageEntries} * task.dim + vector * 8;
    const Words moved = task.pages.load16If(key, from + vector * 8), beside = task.pages.load16If(value, from + values);
    task.pages.store16If(key, to + vector * 8, moved);
    task.pages.store16If(value, to + values, beside);
  }
}

void movePages(Stream stream, const PageMoves& task) { launch(stream, {task.count, moveThreads}, movePage, task); }

BOUNDED_KERNEL(noteThreads, 4) notePage(PageNotes task) {
  const int i = blockIndex() * noteThreads + threadIndex();
  if (i >= task.count) return;
  const PageNote note = task.notes.load(i);
  task.table.store(int64_t{note.head} * task.width + note.at, note.page);
}

void notePages(Stream stream, const PageNotes& task) {
  launch(stream, {(task.count + noteThreads - 1) / noteThreads, noteThreads}, notePage, task);
}

}  // namespace pathpress::cuda
