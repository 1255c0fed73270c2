#include "block_pool.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "errors.h"

namespace pathpress {
namespace {

constexpr size_t alignment = 64;
constexpr size_t slabBytes = size_t{1} << 21;  // a large page

size_t count(uint8_t bits) { return static_cast<size_t>(std::popcount(bits)); }

}  // namespace

BlockPool::BlockPool(size_t blockBytes, size_t limit)
    : blockBytes_((blockBytes + alignment - 1) / alignment * alignment), limit_(limit) {}

size_t BlockPool::blocksASlab() const { return std::max<size_t>(1, slabBytes / blockBytes_); }

std::byte* BlockPool::take() {
  std::lock_guard lock(mutex_);
  return takeAny();
}

std::byte* BlockPool::takeAfter(const std::byte* last) {
  std::lock_guard lock(mutex_);
  if (last) {
    const auto [run, bit] = placeOf(last);
    if (bit + 1 < runBlocks && (runs_[run].free >> (bit + 1)) & 1) return claim({run, bit + 1});
    const bool end = bit + 1 == runBlocks && run + 1 < runs_.size();
    if (end && runs_[run + 1].whole() && runs_[run + 1].first == last + blockBytes_) return claim({run + 1, 0});
  }
  // What is free in runs that others have begun is kept for them, but no more than is in use, and a little.
  const size_t begun = free_ - inWhole_, kept = used() + 2 * blocksASlab();
  if (begun <= kept && (wholeAtHand() || (grow() && wholeAtHand()))) return claim({whole_.back(), 0});
  return takeAny();
}

void BlockPool::give(std::byte* block) {
  std::lock_guard lock(mutex_);
  const auto [run, bit] = placeOf(block);
  change(run, runs_[run].held, static_cast<uint8_t>(runs_[run].free | 1u << bit));
}

size_t BlockPool::atHand() const {
  std::lock_guard lock(mutex_);
  return capacity() - used();
}

BlockPool::Place BlockPool::placeOf(const std::byte* block) const {
  const auto& [begin, region] = *std::prev(regions_.upper_bound(block));
  const size_t index = static_cast<size_t>(block - begin) / blockBytes_;
  return {region.firstRun + index / runBlocks, index % runBlocks};
}

std::byte* BlockPool::takeAny() {
  if (free_ == 0 && !grow()) refuse();
  const size_t run = (partAtHand() || !wholeAtHand() ? parts_ : whole_).back();  // what is free is in one or the other
  return claim({run, static_cast<size_t>(std::countr_zero(runs_[run].free))});
}

std::byte* BlockPool::claim(Place place) {
  Run& run = runs_[place.run];
  change(place.run, run.held, static_cast<uint8_t>(run.free & ~(1u << place.bit)));
  return run.first + place.bit * blockBytes_;
}

void BlockPool::change(size_t index, uint8_t held, uint8_t free) {
  Run& run = runs_[index];
  if (run.whole()) inWhole_ -= count(run.free);
  free_ += count(free);
  free_ -= count(run.free);
  run.held = held;
  run.free = free;
  if (run.whole()) {
    inWhole_ += count(free);
    if (!std::exchange(run.amongWhole, true)) whole_.push_back(index);
  } else if (free != 0 && !std::exchange(run.amongParts, true)) {
    parts_.push_back(index);
  }
}

// Whether there is a run of which all blocks are free: then the last of whole_ is one.
bool BlockPool::wholeAtHand() {
  for (; !whole_.empty() && !runs_[whole_.back()].whole(); whole_.pop_back()) runs_[whole_.back()].amongWhole = false;
  return !whole_.empty();
}

// Whether there is a run of which some blocks are free, not all: then the last of parts_ is one.
bool BlockPool::partAtHand() {
  const auto part = [](const Run& run) { return run.free != 0 && !run.whole(); };
  for (; !parts_.empty() && !part(runs_[parts_.back()]); parts_.pop_back()) runs_[parts_.back()].amongParts = false;
  return !parts_.empty();
}

// A slab's worth of blocks. They lie far apart for a sequence, and would miss the TLB but on large pages. False where the
// limit or the system gives none.
bool BlockPool::grow() {
  const size_t left = capacity() - std::min(capacity(), total_);
  if (fresh_ == 0 && left > 0) reserve(left);
  const size_t blocks = std::min(fresh_, blocksASlab());
  if (blocks == 0) return false;
  // Unused slots of a page are read by vector kernels, then ignored.
  std::memset(latest_->memory->data() + next_ * blockBytes_, 0, blocks * blockBytes_);
  total_ += blocks;
  fresh_ -= blocks;
  next_ += blocks;
  // From the end: the first is taken first.
  for (size_t place = next_; place-- > next_ - blocks;) {
    const size_t run = latest_->firstRun + place / runBlocks;
    const auto bit = static_cast<uint8_t>(1u << place % runBlocks);
    change(run, runs_[run].held | bit, runs_[run].free | bit);
  }
  return true;
}

void BlockPool::refuse() const {
  const size_t left = capacity() - std::min(capacity(), total_);
  const std::string more = std::to_string(std::min(left, blocksASlab()) * blockBytes_);
  throw EngineError("OUT_OF_MEMORY", "KV cache: no block left: " + std::to_string(total_ * blockBytes_) +
                                         " bytes are held, the limit is " + std::to_string(limit_) +
                                         (left ? ", the machine gives no " + more + " more" : ""));
}

// Takes addresses for at most so many blocks: for half as many as there are, since a system permits a process some ten
// thousand regions and each is one or two; for fewer where it gives no more. Memory comes when they are written to.
void BlockPool::reserve(size_t most) {
  const size_t least = std::min(most, blocksASlab());
  for (size_t blocks = std::min(most, std::max(16 * blocksASlab(), total_ / 2));; blocks = std::max(least, blocks / 2)) {
    try {
      auto memory = std::make_unique<HugeBuffer>(blocks * blockBytes_);
      const size_t firstRun = runs_.size(), runs = (blocks + runBlocks - 1) / runBlocks;
      // Each run is listed once at most, so that nothing is ever allocated to list it.
      whole_.reserve(firstRun + runs);
      parts_.reserve(firstRun + runs);
      runs_.reserve(firstRun + runs);
      std::byte* const begin = memory->data();
      latest_ = &regions_.emplace(begin, Region{std::move(memory), firstRun}).first->second;
      for (size_t run = 0; run < runs; ++run) runs_.push_back({begin + run * runBlocks * blockBytes_});
      next_ = 0;
      fresh_ = blocks;
      return;
    } catch (const std::bad_alloc&) {
      if (blocks == least) return;
    }
  }
}

}  // namespace pathpress
