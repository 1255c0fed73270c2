#include "world.h"

#include <algorithm>

#include "../../engine/clock.h"
#include "../../engine/errors.h"
#include "probes.h"

namespace pathpress::cuda::bench {

World::World(const Bench& bench, int slots, int sequenceEntries, int poolEntries)
    : bench_(bench), slots_(slots),
      decoder_(bench.device, bench.model,
               {slots, rowsOfSteps(slots), pagesOf(sequenceEntries), pagesOf(poolEntries) + slots,
                sequenceEntries, benchRing}) {
  const DecodeStep& step = decoder_.step();
  const ModelShape& shape = bench.model.shape;
  const Stream stream = bench.device.stream();
  fillRandom(stream, step.pages, int64_t{shape.layers} * step.poolPages * shape.pageElements(), 1, 7);
  const int64_t rows = int64_t{shape.layers} * slots * benchRing;
  fillRandom(stream, step.ring.rows, rows * shape.heads * shape.dim, 1, 8);
}

void World::fill(int batch, int entries, int more) {
  unread_ = false;
  hostSeconds_ = 0;
  for (int slot = 0; slot < slots_; ++slot) decoder_.end(slot);
  for (int slot = 0; slot < batch; ++slot) {
    decoder_.begin(slot, {0, 1, 0, 1, {slot, 0}, 0}, {benchRing, 0, 1 << 30});
    if (!decoder_.reserve(slot, entries + more)) throw EngineError("INTERNAL", "the pool is too small for a case");
    decoder_.shorten(slot, entries);
    decoder_.reserve(slot, entries + more);
    for (const Global<int>& counter : {decoder_.step().sequences.entries, decoder_.step().sequences.positions}) {
      bench_.device.write(counter, slot, std::vector<int>{entries});
    }
  }
}

double World::cacheBytes() const {
  return 2.0 * bench_.model.shape.layers * decoder_.step().poolPages * bench_.model.shape.pageElements();
}

void World::step(int batch) {
  for (int first = 0; first < batch; first += maxProductTokens) {
    const auto start = Clock::now();
    std::vector<Decoder::Row> rows;
    for (int slot = first; slot < std::min(batch, first + maxProductTokens); ++slot) rows.push_back({slot, -1, true});
    if (!decoder_.run(rows)) throw EngineError("INTERNAL", "a step was refused");
    decoder_.sendDrawn(turn_);
    hostSeconds_ += secondsSince(start);
    turn_ ^= 1;
    if (unread_) decoder_.awaitDrawn(turn_);
    unread_ = true;
  }
}

}  // namespace pathpress::cuda::bench
