// What is noted of every row of attention for one sequence (Recipe::record): side bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../policies/select.h"

namespace pathpress {

class AttentionRecord {
 public:
  AttentionRecord(const Recipe& recipe, int layers, int kvHeads);

  bool kept() const { return record_ != Record::none; }
  // Sets that a layer has: 1, or one a key-value head.
  int sets() const { return sets_; }

  // Notes the row of the token at this true position: its weights on the set's entries, its own among them, in order.
  // Entries that were not there before are born with it.
  void observe(int layer, int set, int32_t position, std::span<const float> weights);
  // Keeps what was noted of the entries listed, ascending.
  void compact(int layer, int set, std::span<const int32_t> kept);
  void clear();
  // Sums start anew, at 0.
  void resum();
  // Of every entry of a set.
  RecordView view(int layer, int set) const;

  size_t bytes() const;

 private:
  struct Notes {
    std::vector<float> mass;
    std::vector<int32_t> stamps, gaps;
  };
  size_t index(int layer, int set) const { return static_cast<size_t>(layer * sets_ + set); }
  void stampUpperHalf(Notes& notes, int32_t position, std::span<const float> weights) const;

  Record record_;
  float threshold_;
  int sets_;
  std::vector<Notes> notes_;  // (layers, sets)
};

}  // namespace pathpress
