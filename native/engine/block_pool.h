// Blocks of equal size for all sequences. A block holds one page of one (sequence, layer, key-value head).
//
// A head's pages are read one after the other, so it is given blocks that lie so, in runs: where memory is far from the
// processor, pages in runs of eight are read a sixth faster than scattered ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "huge_buffer.h"

namespace pathpress {

class BlockPool {
 public:
  // `limit` bytes at most are ever held; the pool grows towards it on demand, and takes addresses for some blocks more.
  BlockPool(size_t blockBytes, size_t limit);

  // These from any thread. They throw EngineError OUT_OF_MEMORY naming the limit.
  std::byte* take();
  // For who will read it after block `last`, and may want more: the block behind that where it is free, else the first of
  // a run; null for the first block of all.
  std::byte* takeAfter(const std::byte* last);
  void give(std::byte* block);
  size_t atHand() const;  // blocks that the limit leaves

  size_t blockBytes() const { return blockBytes_; }
  size_t total() const { return total_; }
  size_t free() const { return free_; }
  size_t used() const { return total_ - free_; }
  size_t capacity() const { return limit_ / blockBytes_; }  // blocks that the limit holds

 private:
  static constexpr size_t runBlocks = 8;
  struct Run {
    std::byte* first;
    uint8_t held = 0, free = 0;  // a bit a block: that the pool holds, and that is free
    bool amongWhole = false, amongParts = false;
    bool whole() const { return held != 0 && free == held; }
  };
  struct Region {
    std::unique_ptr<HugeBuffer> memory;
    size_t firstRun;
  };
  struct Place {
    size_t run, bit;
  };

  size_t blocksASlab() const;
  Place placeOf(const std::byte* block) const;
  std::byte* takeAny();
  std::byte* claim(Place place);
  void change(size_t run, uint8_t held, uint8_t free);
  bool wholeAtHand();
  bool partAtHand();
  bool grow();
  void reserve(size_t most);
  [[noreturn]] void refuse() const;

  mutable std::mutex mutex_;
  size_t blockBytes_, limit_;
  size_t total_ = 0, free_ = 0, inWhole_ = 0;  // blocks: held, free, and free in runs of which all are
  std::map<const std::byte*, Region> regions_;
  std::vector<Run> runs_;
  std::vector<size_t> whole_, parts_;  // runs that were whole, or had free blocks, when they came here
  size_t next_ = 0;                    // of the latest region, what no block has had yet: its place among its blocks,
  size_t fresh_ = 0;                   // and how many
  const Region* latest_ = nullptr;
};

}  // namespace pathpress
