// How many different grams occur how often: few often occur often, so the frequent ones are listed one by one.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "gram_counts.h"

namespace pathpress {

constexpr uint32_t listed = 128;  // times from which on a gram is frequent

// Occurrences by how often their gram had occurred before: so many grams occur more often than that. Exact below
// `listed`, anything above. Neighbours count in lanes of their own: most grams occur once, and one counter would wait
// for itself.
struct Reached {
  static constexpr int lanes = 4;
  std::array<std::array<uint32_t, 2 * listed>, lanes> before{};

  uint32_t times(size_t i) const {
    uint32_t sum = 0;
    for (const auto& lane : before) sum += lane[i];
    return sum;
  }
};

class Tally {
 public:
  void add(uint32_t times) {
    if (times < listed) ++rare_[times];
    else frequent.push_back(times);
  }
  // Rare grams among the occurrences that `reached` counts.
  void add(const Reached& reached) {
    for (uint32_t times = 1; times < listed; ++times) rare_[times] += reached.times(times - 1) - reached.times(times);
  }

  // By ascending times; sorts.
  std::vector<Occurrences> occurrences() {
    std::vector<Occurrences> out;
    for (uint32_t times = 1; times < listed; ++times) {
      if (rare_[times] > 0) out.push_back({times, rare_[times]});
    }
    std::sort(frequent.begin(), frequent.end());
    for (const uint32_t times : frequent) {
      if (out.empty() || out.back().times != times) out.push_back({times, 0});
      ++out.back().grams;
    }
    return out;
  }

  std::vector<uint32_t> frequent;  // the times of each

 private:
  std::array<uint32_t, listed> rare_{};  // the first is not used
};

}  // namespace pathpress
