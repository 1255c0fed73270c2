#include "block_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "errors.h"

namespace pathpress {
namespace {

constexpr size_t alignment = 64;
constexpr size_t slabBytes = size_t{1} << 21;  // a huge page: a sequence's blocks lie far apart, and would miss the TLB

}  // namespace

void BlockPool::Release::operator()(std::byte* slab) const { std::free(slab); }

BlockPool::BlockPool(size_t blockBytes, size_t limit)
    : blockBytes_((blockBytes + alignment - 1) / alignment * alignment), limit_(limit) {}

std::byte* BlockPool::take() {
  if (free_.empty()) grow();
  std::byte* block = free_.back();
  free_.pop_back();
  return block;
}

void BlockPool::grow() {
  const size_t room = limit_ / blockBytes_ - std::min(limit_ / blockBytes_, total_);
  const size_t count = std::min(room, std::max<size_t>(1, slabBytes / blockBytes_));
  const size_t bytes = count * blockBytes_;
  const size_t whole = (bytes + slabBytes - 1) / slabBytes * slabBytes;
  std::unique_ptr<std::byte, Release> slab(count ? static_cast<std::byte*>(std::aligned_alloc(slabBytes, whole)) : nullptr);
  if (!slab) {
    throw EngineError("OUT_OF_MEMORY", "KV cache: no block left: " + std::to_string(total_ * blockBytes_) +
                                           " bytes are held, the limit is " + std::to_string(limit_) +
                                           (count ? ", the machine gives no " + std::to_string(bytes) + " more" : ""));
  }
#ifdef MADV_HUGEPAGE
  ::madvise(slab.get(), whole, MADV_HUGEPAGE);  // where the system has none, small ones do
#endif
  std::memset(slab.get(), 0, bytes);  // unused slots of a page are read by vector kernels, then ignored
  free_.reserve(total_ + count);
  std::byte* const first = slab.get();
  slabs_.push_back(std::move(slab));
  for (size_t i = count; i-- > 0;) free_.push_back(first + i * blockBytes_);
  total_ += count;
}

}  // namespace pathpress
