#include "block_pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "errors.h"

namespace pathpress {
namespace {

constexpr size_t alignment = 64;
constexpr size_t slabBytes = size_t{1} << 20;

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
  auto* slab = count ? static_cast<std::byte*>(std::aligned_alloc(alignment, count * blockBytes_)) : nullptr;
  if (!slab) {
    throw EngineError("OUT_OF_MEMORY", "KV cache: no block left; " + std::to_string(total_ * blockBytes_) +
                                           " bytes are held, the limit is " + std::to_string(limit_));
  }
  std::memset(slab, 0, count * blockBytes_);  // unused slots of a page are read by vector kernels, then ignored
  slabs_.emplace_back(slab);
  free_.reserve(total_ + count);
  for (size_t i = count; i-- > 0;) free_.push_back(slab + i * blockBytes_);
  total_ += count;
}

}  // namespace pathpress
