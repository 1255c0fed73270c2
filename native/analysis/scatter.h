// Writing items to thousands of places at once, by whole cache lines.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace pathpress {

constexpr size_t lineBytes = 64;

// One thread's: a line for each target gathers what goes there, and goes there when it is full, past the caches where
// the processor can (they would fetch each line to overwrite it).
template <class Item>
class Scatter {
 public:
  // `to` lies on a line's boundary.
  Scatter(Item* to, size_t targets) : to_(to), lines_(targets * perLine), places_(targets) {}

  // The items of target t will go to places from starts[t] on. `starts` outlives close().
  void open(const uint32_t* starts) {
    starts_ = starts;
    std::copy(starts, starts + places_.size(), places_.begin());
  }

  void add(size_t target, Item item) {
    const uint32_t place = places_[target]++;
    Item* line = lines_.data() + target * perLine;
    line[place % perLine] = item;
    if (place % perLine == perLine - 1) flush(target, place, line);
  }

  // Writes the lines begun.
  void close() {
    for (size_t target = 0; target < places_.size(); ++target) {
      const uint32_t end = places_[target];
      copy(std::max(starts_[target], end / perLine * perLine), end, lines_.data() + target * perLine);
    }
#if defined(__x86_64__)
    _mm_sfence();
#endif
  }

 private:
  static constexpr uint32_t perLine = lineBytes / sizeof(Item);

  void flush(size_t target, uint32_t last, const Item* line) {
    const uint32_t first = last - (perLine - 1);
    if (first < starts_[target]) return copy(starts_[target], last + 1, line);
#if defined(__x86_64__)
    const auto* from = static_cast<const __m128i*>(static_cast<const void*>(line));
    auto* to = static_cast<__m128i*>(static_cast<void*>(to_ + first));
    for (int i = 0; i < 4; ++i) _mm_stream_si128(to + i, _mm_loadu_si128(from + i));
#else
    std::copy(line, line + perLine, to_ + first);
#endif
  }
  void copy(uint32_t begin, uint32_t end, const Item* line) {
    for (uint32_t place = begin; place < end; ++place) to_[place] = line[place % perLine];
  }

  Item* to_;
  const uint32_t* starts_ = nullptr;
  std::vector<Item> lines_;       // (targets, items in a line)
  std::vector<uint32_t> places_;  // (targets): where each target's next item goes
};

}  // namespace pathpress
