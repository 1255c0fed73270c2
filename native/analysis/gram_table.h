// A hash table that counts 64-bit items whose high bits are already a hash.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gram_counts.h"

namespace pathpress {

// Different items by how often they occur: few often occur often, so the frequent ones are listed one by one.
class Tally {
 public:
  static constexpr uint32_t listed = 1024;

  void add(uint32_t times) {
    if (times < listed) ++rare_[times];
    else frequent_.push_back(times);
  }
  void addRare(uint32_t times, uint32_t grams) { rare_[times] += grams; }
  void add(const Tally& other) {
    for (size_t i = 0; i < listed; ++i) rare_[i] += other.rare_[i];
    frequent_.insert(frequent_.end(), other.frequent_.begin(), other.frequent_.end());
  }

  // By ascending times; sorts.
  std::vector<Occurrences> occurrences() {
    std::vector<Occurrences> out;
    for (uint32_t times = 1; times < listed; ++times) {
      if (rare_[times] > 0) out.push_back({times, rare_[times]});
    }
    std::sort(frequent_.begin(), frequent_.end());
    for (const uint32_t times : frequent_) {
      if (out.empty() || out.back().times != times) out.push_back({times, 0});
      ++out.back().grams;
    }
    return out;
  }

 private:
  std::array<uint32_t, listed> rare_{};  // the first is not used
  std::vector<uint32_t> frequent_;
};

class GramTable {
 public:
  // `skipped`: high bits of an item that say nothing, because all items of the table share them.
  explicit GramTable(int skipped) : skipped_(skipped) { resize(256); }

  // Keeps the size that it has grown to: partitions are alike.
  void clear() {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    used_ = 0;
  }

  // Counts `item`; same(a, b) tells whether two items with equal high halves are one gram.
  template <class Same>
  void add(uint64_t item, const Same& same) {
    size_t at = home(item);
    while (slots_[at].times != 0 && !((slots_[at].item ^ item) >> 32 == 0 && same(slots_[at].item, item))) {
      at = (at + 1) & mask_;
    }
    Slot& slot = slots_[at];
    if (slot.times++ != 0) return;
    slot.item = item;
    if (3 * ++used_ > 2 * mask_) grow();
  }

  void tally(Tally& out) const {
    std::array<uint32_t, 4> ones{};
    for (size_t at = 0; at < slots_.size(); ++at) {
      const uint32_t times = slots_[at].times;
      ones[at & 3] += times == 1;
      if (times > 1) out.add(times);
    }
    out.addRare(1, ones[0] + ones[1] + ones[2] + ones[3]);
  }

 private:
  struct Slot {
    uint64_t item = 0;
    uint32_t times = 0;  // 0 where the slot is free
  };

  size_t home(uint64_t item) const { return (item << skipped_) >> shift_; }

  void resize(size_t slots) {
    slots_.assign(slots, Slot{});
    mask_ = slots - 1;
    shift_ = 64 - std::countr_zero(slots);
  }

  void grow() {
    const std::vector<Slot> old = std::move(slots_);
    resize(2 * old.size());
    for (const Slot& slot : old) {
      if (slot.times == 0) continue;
      size_t at = home(slot.item);
      while (slots_[at].times != 0) at = (at + 1) & mask_;
      slots_[at] = slot;
    }
  }

  std::vector<Slot> slots_;
  size_t mask_ = 0, used_ = 0;
  int skipped_, shift_ = 0;
};

}  // namespace pathpress
