// The shadow of one element: whether it was written, its last writer, and its readers since. Two accesses of different
// threads, one of them a write, are a race unless a barrier of their block or, within a warp, a warpBarrier lies
// between. Order of execution proves nothing: a pair is judged by what orders it, so all interleavings are at once.
#pragma once

#include <cstdint>

namespace pathpress::cuda::emulate {

struct Party {
  int32_t block = -1;  // -1: nobody
  int32_t thread = -1;
  uint32_t epoch = 0;      // barriers of the block before the access
  uint32_t warpEpoch = 0;  // warpBarriers of the warp before it
};

inline bool sameWarp(const Party& a, const Party& b) { return a.block == b.block && a.thread / 32 == b.thread / 32; }

inline bool ordered(const Party& before, const Party& now) {
  if (before.block != now.block) return false;
  return before.thread == now.thread || before.epoch < now.epoch ||
         (sameWarp(before, now) && before.warpEpoch < now.warpEpoch);
}

enum class Use : uint8_t { read, write, atomic };

class Cell {
 public:
  bool written = false;
  uint32_t writtenIn = 0;  // the launch that wrote it last; 0: the host has

  // Notes an access of `me`; false where it races. `generation` tells launches (shared memory: blocks) apart.
  bool note(Use use, const Party& me, uint32_t generation) {
    if (generation_ != generation) {
      const bool keep = written;
      const uint32_t launch = writtenIn;
      *this = Cell();
      written = keep;
      writtenIn = launch;
      generation_ = generation;
    }
    const bool afterWriter = writer_.block < 0 || ordered(writer_, me) || (use == Use::atomic && writerAtomic_);
    if (use == Use::read) {
      noteReader(me);
      return afterWriter;
    }
    const bool fine = afterWriter && afterReaders(me);
    writer_ = me;
    writerAtomic_ = use == Use::atomic;
    written = true;
    writtenIn = generation;
    return fine;
  }

 private:
  uint32_t generation_ = 0;
  bool writerAtomic_ = false;
  bool manyThreads_ = false, manyWarps_ = false, manyBlocks_ = false;  // besides reader_, in its own epoch
  Party writer_, reader_;

  void noteReader(const Party& me) {
    if (reader_.block >= 0 && reader_.block != me.block) {
      manyBlocks_ = true;
    } else if (reader_.block >= 0 && reader_.epoch == me.epoch && reader_.thread != me.thread) {
      if (!sameWarp(reader_, me)) manyWarps_ = true;
      else manyThreads_ = reader_.warpEpoch == me.warpEpoch;
    } else if (reader_.block >= 0 && reader_.epoch == me.epoch) {
      if (reader_.warpEpoch != me.warpEpoch) manyThreads_ = false;
    } else {
      manyThreads_ = manyWarps_ = false;
    }
    reader_ = me;
  }

  bool afterReaders(const Party& me) const {
    if (reader_.block < 0) return true;
    if (manyBlocks_ || reader_.block != me.block) return false;
    if (reader_.epoch < me.epoch) return true;
    if (manyWarps_) return false;
    const bool warpOrdered = sameWarp(reader_, me) && reader_.warpEpoch < me.warpEpoch;
    return warpOrdered || (!manyThreads_ && reader_.thread == me.thread);
  }
};

}  // namespace pathpress::cuda::emulate
