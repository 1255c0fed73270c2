// A decoder whose caches are full of random entries, as deep as a case asks.
#pragma once

#include "parts.h"

namespace pathpress::cuda::bench {

constexpr int benchRing = 32;  // query rows that are kept: RPC's window

class World {
 public:
  // So many entries of so many sequences, most of a case. Throws EngineError OUT_OF_MEMORY.
  World(const Bench& bench, int slots, int sequenceEntries, int poolEntries);

  // Every sequence of the first `batch` slots holds `entries`, with room for `more`.
  void fill(int batch, int entries, int more);
  // A step of the first `batch` slots, at most maxProductTokens at a time.
  void step(int batch);

  Decoder& decoder() { return decoder_; }

  // Bytes of the pages that hold entries.
  double cacheBytes() const;

 private:
  const Bench& bench_;
  int slots_;
  Decoder decoder_;
};

}  // namespace pathpress::cuda::bench
