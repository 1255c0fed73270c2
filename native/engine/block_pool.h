// Blocks of equal size for all sequences. A block holds one page of one (sequence, layer, key-value head).
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "huge_buffer.h"

namespace pathpress {

class BlockPool {
 public:
  // `limit` bytes at most are ever held; the pool grows towards it on demand, and takes addresses for some blocks more.
  BlockPool(size_t blockBytes, size_t limit);

  // These from any thread. take() throws EngineError OUT_OF_MEMORY naming the limit.
  std::byte* take();
  void give(std::byte* block);
  size_t atHand() const;  // blocks that the limit leaves

  size_t blockBytes() const { return blockBytes_; }
  size_t total() const { return total_; }
  size_t free() const { return free_.size(); }
  size_t used() const { return total_ - free_.size(); }
  size_t capacity() const { return limit_ / blockBytes_; }  // blocks that the limit holds

 private:
  size_t blocksASlab() const;
  void grow();
  void reserve(size_t most);

  mutable std::mutex mutex_;
  size_t blockBytes_, limit_;
  size_t total_ = 0;
  std::vector<std::unique_ptr<HugeBuffer>> regions_;
  std::byte* next_ = nullptr;  // of the latest region, what no block has had yet
  size_t fresh_ = 0;           // blocks of it
  std::vector<std::byte*> free_;
};

}  // namespace pathpress
