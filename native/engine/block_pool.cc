#include "block_pool.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "errors.h"

namespace pathpress {
namespace {

constexpr size_t alignment = 64;
constexpr size_t slabBytes = size_t{1} << 21;  // a large page

}  // namespace

BlockPool::BlockPool(size_t blockBytes, size_t limit)
    : blockBytes_((blockBytes + alignment - 1) / alignment * alignment), limit_(limit) {}

size_t BlockPool::blocksASlab() const { return std::max<size_t>(1, slabBytes / blockBytes_); }

std::byte* BlockPool::take() {
  std::lock_guard lock(mutex_);
  if (free_.empty()) grow();
  std::byte* block = free_.back();
  free_.pop_back();
  return block;
}

void BlockPool::give(std::byte* block) {
  std::lock_guard lock(mutex_);
  free_.push_back(block);
}

size_t BlockPool::atHand() const {
  std::lock_guard lock(mutex_);
  return capacity() - used();
}

// A slab's worth of blocks. They lie far apart for a sequence, and would miss the TLB but on large pages.
void BlockPool::grow() {
  const size_t left = capacity() - std::min(capacity(), total_);
  if (fresh_ == 0 && left > 0) reserve(left);
  const size_t count = std::min(fresh_, blocksASlab());
  const size_t bytes = count * blockBytes_;
  if (count == 0) {
    const std::string more = std::to_string(std::min(left, blocksASlab()) * blockBytes_);
    throw EngineError("OUT_OF_MEMORY", "KV cache: no block left: " + std::to_string(total_ * blockBytes_) +
                                           " bytes are held, the limit is " + std::to_string(limit_) +
                                           (left ? ", the machine gives no " + more + " more" : ""));
  }
  if (free_.capacity() < total_ + count) free_.reserve(std::max(total_ + count, 2 * free_.capacity()));
  std::memset(next_, 0, bytes);  // unused slots of a page are read by vector kernels, then ignored
  for (size_t i = count; i-- > 0;) free_.push_back(next_ + i * blockBytes_);
  next_ += bytes;
  fresh_ -= count;
  total_ += count;
}

// Takes addresses for at most so many blocks: for half as many as there are, since a system permits a process some ten
// thousand regions and each is one or two; for fewer where it gives no more. Memory comes when they are written to.
void BlockPool::reserve(size_t most) {
  const size_t least = std::min(most, blocksASlab());
  for (size_t count = std::min(most, std::max(16 * blocksASlab(), total_ / 2));; count = std::max(least, count / 2)) {
    try {
      auto region = std::make_unique<HugeBuffer>(count * blockBytes_);
      next_ = region->data();
      regions_.push_back(std::move(region));
      fresh_ = count;
      return;
    } catch (const std::bad_alloc&) {
      if (count == least) return;
    }
  }
}

}  // namespace pathpress
