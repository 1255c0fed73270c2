#include "observe.h"

#include "places.h"

namespace pathpress::cuda {

KERNEL noteEntries(Observation task) {
  const CacheCompression& cache = task.ranks.cache;
  const RankPlace at(cache);
  const int entry = at.first + threadIndex(), now = at.due.lastPosition;  // of a due that pins nothing
  const bool wanted = entry >= 0 && entry < at.due.candidates, isNew = entry >= at.due.length - at.due.rows;
  const int64_t note = cache.noteAt(at.layer, at.due.slot, at.set) + entry;
  const int64_t rank = task.ranks.rankAt(at.layer, at.set, at.due) + entry;
  const auto weight = static_cast<float>(task.ranks.ranks.loadIf(wanted, rank));
  if (task.what == NoteOf::mass) {
    const float before = task.mass.loadIf(wanted && !isNew, note);
    task.mass.storeIf(wanted, note, before + weight);
  } else if (task.what == NoteOf::stamp) {
    task.stamps.storeIf(wanted && isNew, note, now);
  } else {
    const int stamp = isNew ? now : task.stamps.loadIf(wanted && !isNew, note);
    const int gap = task.gaps.loadIf(wanted && !isNew, note), since = now - stamp;
    const bool visited = weight > task.threshold;
    task.stamps.storeIf(wanted, note, visited ? now : stamp);
    task.gaps.storeIf(wanted, note, visited && since > gap ? since : gap);
  }
}

// A block a set of a due.
KERNEL stampUpperHalf(Observation task) {
  const CacheCompression& cache = task.ranks.cache;
  const int number = blockIndex() % cache.dues, row = blockIndex() / cache.dues;
  const int layer = row / cache.sets, set = row % cache.sets;
  const Due due = cache.due.load(number);
  const int64_t kept = task.upperHalf.keptAt(layer, set, due), notes = cache.noteAt(layer, due.slot, set);
  for (int i = threadIndex(); i < due.scored; i += rankThreads) {
    task.stamps.store(notes + task.upperHalf.kept.load(kept + i), due.lastPosition);
  }
}

void noteRows(Stream stream, const Observation& task) {
  const CacheCompression& cache = task.ranks.cache;
  const int sets = cache.layers * cache.sets;
  launch(stream, {sets * cache.chunkCount, rankThreads}, noteEntries, task);
  if (task.what != NoteOf::stamp) return;
  launch(stream, {sets * cache.dues, rankThreads}, stampUpperHalf, task);
}

}  // namespace pathpress::cuda
