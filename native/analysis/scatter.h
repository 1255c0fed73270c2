// Writing items to a thousand places at once, by whole cache lines.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace pathpress {

constexpr size_t blockBytes = 256;  // four lines: when one is full cannot be guessed, so it should be seldom

// One thread's: a block for each target gathers what goes there, and goes there when it is full, past the caches where
// the processor can (they would fetch each line to overwrite it).
template <class Item>
class Scatter {
 public:
  // `to` lies on a boundary of 16 bytes.
  Scatter(Item* to, size_t targets) : to_(to), blocks_(targets * perBlock), places_(targets) {}

  // The items of target t will go to places from starts[t] on. `starts` outlives close().
  void open(const uint32_t* starts) {
    starts_ = starts;
    std::copy(starts, starts + places_.size(), places_.begin());
  }

  void add(size_t target, Item item) {
    const uint32_t place = places_[target]++;
    Item* block = blocks_.data() + target * perBlock;
    block[place % perBlock] = item;
    if (place % perBlock == perBlock - 1) flush(target, place, block);
  }

  // Writes the blocks begun.
  void close() {
    for (size_t target = 0; target < places_.size(); ++target) {
      const uint32_t end = places_[target];
      copy(std::max(starts_[target], end / perBlock * perBlock), end, blocks_.data() + target * perBlock);
    }
#if defined(__x86_64__)
    _mm_sfence();
#endif
  }

 private:
  static constexpr uint32_t perBlock = blockBytes / sizeof(Item);

  void flush(size_t target, uint32_t last, const Item* block) {
    const uint32_t first = last - (perBlock - 1);
    if (first < starts_[target]) return copy(starts_[target], last + 1, block);
#if defined(__x86_64__)
    const auto* from = static_cast<const __m128i*>(static_cast<const void*>(block));
    auto* to = static_cast<__m128i*>(static_cast<void*>(to_ + first));
    for (size_t i = 0; i < blockBytes / 16; ++i) _mm_stream_si128(to + i, _mm_loadu_si128(from + i));
#else
    std::copy(block, block + perBlock, to_ + first);
#endif
  }
  void copy(uint32_t begin, uint32_t end, const Item* block) {
    for (uint32_t place = begin; place < end; ++place) to_[place] = block[place % perBlock];
  }

  Item* to_;
  const uint32_t* starts_ = nullptr;
  std::vector<Item> blocks_;      // (targets, items in a block)
  std::vector<uint32_t> places_;  // (targets): where each target's next item goes
};

}  // namespace pathpress
