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
  // A step of the first `batch` slots, at most maxProductTokens at a time, as the engine has them: begun before the host
  // reads the tokens of the one before.
  void step(int batch);
  // That the host took to begin steps since the caches were filled, its waits for tokens apart.
  double hostSeconds() const { return hostSeconds_; }

  Decoder& decoder() { return decoder_; }

  // Bytes of the pages that hold entries.
  double cacheBytes() const;

 private:
  const Bench& bench_;
  int slots_;
  Decoder decoder_;
  int turn_ = 0;
  bool unread_ = false;  // of the other turn
  double hostSeconds_ = 0;
};

}  // namespace pathpress::cuda::bench
