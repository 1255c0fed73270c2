// A hash table that counts items whose high bits are already a hash.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "gram_counts.h"

namespace pathpress {

// Different items by how often they occur: few often occur often, so the frequent ones are listed one by one.
class Tally {
 public:
  static constexpr uint32_t listed = 256;
  static constexpr size_t lanes = 4;

  // Neighbours go to lanes of their own: most occur once, and one counter would wait for itself.
  void add(uint32_t times, size_t neighbour) {
    if (times < listed) [[likely]] ++rare_[neighbour % lanes][times];
    else frequent_.push_back(times);
  }
  void add(const Tally& other) {
    for (size_t lane = 0; lane < lanes; ++lane) {
      for (size_t i = 0; i < listed; ++i) rare_[lane][i] += other.rare_[lane][i];
    }
    frequent_.insert(frequent_.end(), other.frequent_.begin(), other.frequent_.end());
  }

  // By ascending times; sorts.
  std::vector<Occurrences> occurrences() {
    std::vector<Occurrences> out;
    for (uint32_t times = 1; times < listed; ++times) {
      uint32_t grams = 0;
      for (const auto& lane : rare_) grams += lane[times];
      if (grams > 0) out.push_back({times, grams});
    }
    std::sort(frequent_.begin(), frequent_.end());
    for (const uint32_t times : frequent_) {
      if (out.empty() || out.back().times != times) out.push_back({times, 0});
      ++out.back().grams;
    }
    return out;
  }

 private:
  std::array<std::array<uint32_t, listed>, lanes> rare_{};  // the first of each is not used
  std::vector<uint32_t> frequent_;
};

// At most a quarter full: the first look nearly always ends the search, as the processor guesses. Which way it ends, by a
// free slot or by the same gram, cannot be guessed: nothing branches on that.
template <class Item>
class GramTable {
 public:
  GramTable() { resize(256); }

  // Keeps the size that it has grown to: partitions are alike.
  void clear() {
    std::fill(times_.begin(), times_.end(), 0u);
    used_ = 0;
  }

  // Counts the items [from, end); differ(a, b) is not 0 where two of them are different grams.
  template <class Differ>
  void add(const Item* from, const Item* end, const Differ& differ) {
    while (from != end) {
      const size_t mask = mask_, most = mask_ / 4;
      const int shift = shift_;
      Item* const items = items_.data();
      uint32_t* const times = times_.data();
      uint32_t* const places = places_.data();
      size_t used = used_;
      for (; from != end && used <= most; ++from) {
        const Item item = *from;
        size_t at = item >> shift;
        uint32_t before = times[at];
        while (both(before, differ(items[at], item))) before = times[at = (at + 1) & mask];
        places[used] = static_cast<uint32_t>(at);
        used += before == 0;
        items[at] = item;
        times[at] = before + 1;
      }
      used_ = used;
      if (used > most) grow();
    }
  }

  void tally(Tally& out) const {
    for (size_t i = 0; i < used_; ++i) out.add(times_[places_[i]], i);
  }

 private:
  // a != 0 && b != 0, which compilers would make two branches of.
  static bool both(uint64_t a, uint64_t b) {
    uint64_t least = std::min(a, b);
    asm("" : "+r"(least));
    return least != 0;
  }

  void resize(size_t slots) {
    items_.resize(slots);
    times_.assign(slots, 0);
    places_.resize(slots / 4 + 2);
    mask_ = slots - 1;
    shift_ = std::numeric_limits<Item>::digits - std::countr_zero(slots);
  }

  void grow() {
    const std::vector<Item> items = items_;
    const std::vector<uint32_t> times = times_, places = places_;
    resize(2 * items.size());
    for (size_t i = 0; i < used_; ++i) {
      size_t at = items[places[i]] >> shift_;
      while (times_[at] != 0) at = (at + 1) & mask_;
      items_[at] = items[places[i]];
      times_[at] = times[places[i]];
      places_[i] = static_cast<uint32_t>(at);
    }
  }

  std::vector<Item> items_;       // (slots)
  std::vector<uint32_t> times_;   // (slots): 0 where the slot is free
  std::vector<uint32_t> places_;  // the slots used, by first occurrence
  size_t mask_ = 0, used_ = 0;
  int shift_ = 0;
};

}  // namespace pathpress
